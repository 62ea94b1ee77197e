"""Fitting the parameter autoencoder: started at the principal components, trained until rows held back stop improving.

How many steps help is found on a part of the train rows, by the error of blocks held back from it with a gap on each
side (`holdout`, applied a second time). The autoencoder is then trained for that many steps on all train rows.
"""

import copy
import dataclasses
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.generation.autoencoding import Autoencoder, AutoencoderTraining, train_autoencoder
from methods.generation.components import linear_autoencoder
from methods.generation.holdout import FEWEST_ROWS, HoldOut, hold_out
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.early_stopping import EarlyStopping


@dataclasses.dataclass(frozen=True, slots=True)
class AutoencoderFit:
    """unexplained: root mean square, by coordinate, of what is lost of rows that the autoencoder was not trained on.

    `held_back` rows chose the number of `steps`, of `budget`; with 0 of them, what is lost is that of the train rows.
    """

    unexplained: Float[Tensor, " D"]
    curves: Mapping[str, Curve]
    steps: int
    budget: int
    held_back: int


def fit_autoencoder(
    autoencoder: Autoencoder,
    rows: Float[Tensor, "k D"],
    runs: Int[Tensor, " k"] | None,
    training: AutoencoderTraining,
    *,
    seed: int,
    on_step: OnStep = silent,
) -> AutoencoderFit:
    """Trains in place on standardised rows. Raises `Diverged`."""
    budget = training.budget(len(rows))
    training = dataclasses.replace(training, steps=budget)
    parts = held_back(rows, runs) if training.patience else None
    if parts is None or training.patience is None:
        start(autoencoder, rows)
        curve = train_autoencoder(autoencoder, rows, training, seed=seed, on_step=on_step)
        return AutoencoderFit(per_coordinate(residual(autoencoder, rows)), {"autoencoder": curve}, budget, budget, 0)
    fitted, unseen = rows[torch.from_numpy(parts.train)], rows[torch.from_numpy(parts.held_out)]
    trial = copy.deepcopy(autoencoder)
    start(trial, fitted)
    stopping = EarlyStopping(
        trial,
        lambda: residual(trial, unseen).square().mean().item(),
        every=training.check_every,
        patience=training.patience,
    )
    curve = train_autoencoder(trial, fitted, training, seed=seed, until=stopping, on_step=on_step)
    stopping.restore()
    # rows far out lose more than the train rows do: that is distance, not noise, and counts relative to theirs
    scale = unseen.square().mean().sqrt().clamp(min=1)
    lost = residual(trial, unseen).square().mean().sqrt() / scale
    start(autoencoder, rows)
    if stopping.best_step:
        train_autoencoder(
            autoencoder, rows, training, seed=seed, until=lambda done: done >= stopping.best_step, on_step=on_step
        )
    # too few rows are held back to know each coordinate's share by: that is taken from the train rows
    shape = per_coordinate(residual(autoencoder, rows))
    total = shape.square().mean().sqrt()
    shape = shape / total if total > 0 else torch.ones_like(shape)
    curves = {"autoencoder": curve, "autoencoder held back": stopping.curve()}
    return AutoencoderFit(lost * shape, curves, stopping.best_step, budget, len(unseen))


def held_back(rows: Float[Tensor, "k D"], runs: Int[Tensor, " k"] | None) -> HoldOut | None:
    """Blocks of train rows for early stopping, apart from those held out; None where a run has too few rows."""
    labels = [0] * len(rows) if runs is None else runs.tolist()
    if min(labels.count(each) for each in set(labels)) < FEWEST_ROWS:
        return None
    return hold_out(rows.cpu().numpy(), labels)


def start(autoencoder: Autoencoder, rows: Float[Tensor, "k D"]) -> None:
    """Sets the linear maps, where there are any, to the principal components of the rows."""
    with torch.no_grad():
        latent = autoencoder.encode(rows[:1]).shape[1]
    autoencoder.start(*linear_autoencoder(rows, latent))


@torch.no_grad()
def residual(autoencoder: Autoencoder, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
    return rows - autoencoder.decode(autoencoder.encode(rows))


def per_coordinate(residuals: Float[Tensor, "n D"]) -> Float[Tensor, " D"]:
    return residuals.square().mean(0).sqrt()
