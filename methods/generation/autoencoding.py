"""Training the parameter autoencoder, and the gates that it must pass before anything is diffused.

Loss (arXiv 2402.13144, eq. 3-4): the mean squared error of the decoded row, with noise added to the input and to the
latent. The latent noise is measured in units of the latents' own spread, so that the encoder gains nothing by inflating
them.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt, Lt
from jaxtyping import Float
from torch import Tensor, nn

from methods import randomness
from methods.errors import GateFailed
from methods.generation.generator import Accuracy, Gate
from methods.generation.passing import collect_gate
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import adaptive, descend
from methods.training.early_stopping import HasState


@runtime_checkable
class Codec(Protocol):
    """The two directions."""

    def encode(self, rows: Float[Tensor, "n D"], /) -> Float[Tensor, "n d"]: ...
    def decode(self, latents: Float[Tensor, "n d"], /) -> Float[Tensor, "n D"]: ...


@runtime_checkable
class Autoencoder(Codec, HasState, Protocol):
    """A module with the two directions. `start` sets its linear maps; returns False where it has none."""

    def start(self, encoder: Float[Tensor, "d D"], decoder: Float[Tensor, "d D"], /) -> bool: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderTraining:
    """Adam with a cosine schedule; noise amplitudes in units of one standard deviation of what they are added to.

    weight_decay: decoupled, that is AdamW in place of Adam; null: Adam.
    At most `steps` steps are taken, and no more than see each row `passes` times on average. Training ends `patience`
    steps after the error of rows held back from the train rows was least (it is measured every `check_every` steps),
    and the state of the least error is kept; with patience None, all steps are taken on all train rows.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    steps: Annotated[int, Ge(1)] = 800
    passes: Annotated[int, Ge(1)] | None = 200
    patience: Annotated[int, Ge(1)] | None = 60
    check_every: Annotated[int, Ge(1)] = 20
    batch_size: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 2e-3
    input_noise: Annotated[float, Ge(0)] = 1e-3
    latent_noise: Annotated[float, Ge(0)] = 0.1
    weight_decay: Annotated[float, Ge(0)] | None = None

    def budget(self, rows: int) -> int:
        """The largest number of steps on so many rows."""
        if self.passes is None:
            return self.steps
        return min(self.steps, math.ceil(self.passes * rows / self.batch_size))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What the stages before diffusion must reach; accuracies are fractions.

    overfit_mse: as a share of the row's own mean square. variance_kept: of held-out rows; an autoencoder that returns
    the mean row keeps 0, and accuracy cannot tell, since the mean of the rows is often better than any of them.
    accuracy_margin: what held-out rows may lose, beyond `standard_errors` times the standard error of the paired loss.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    overfit_mse: Annotated[float, Gt(0)] = 1e-3
    overfit_steps: Annotated[int, Ge(1)] = 1000
    variance_kept: Annotated[float, Lt(1)] = 0.1
    accuracy_margin: Annotated[float, Ge(0)] = 0.01
    standard_errors: Annotated[float, Ge(0)] = 2.0
    latent_scale: Annotated[float, Gt(1)] = 4.0


def spread(latents: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Root mean square of the latents about their mean over the batch."""
    return (latents - latents.mean(0)).square().mean().sqrt()


def train_autoencoder(
    autoencoder: Autoencoder,
    rows: Float[Tensor, "k D"],
    training: AutoencoderTraining,
    *,
    seed: int,
    until: Callable[[int], bool] = lambda done: False,
    on_step: OnStep = silent,
) -> Curve:
    """Trains in place on standardised rows, for `training.steps` or `until` after fewer. Raises `Diverged`."""
    draw = randomness.generator(seed, "autoencoder", device=rows.device)

    def loss() -> Float[Tensor, ""]:
        batch = rows[torch.randint(len(rows), (training.batch_size,), generator=draw, device=rows.device)]
        noise = torch.randn(batch.shape, generator=draw, device=rows.device)
        latents = autoencoder.encode(batch + training.input_noise * noise)
        noise = torch.randn(latents.shape, generator=draw, device=rows.device)
        decoded = autoencoder.decode(latents + training.latent_noise * spread(latents.detach()) * noise)
        return (decoded - batch).square().mean()

    return descend(
        autoencoder.parameters(),
        loss,
        stage="autoencoder",
        steps=training.steps,
        learning_rate=training.learning_rate,
        recipe=adaptive(training.weight_decay),
        until=until,
        on_step=on_step,
    )


def pass_or_fail(name: str, gate: Gate, remedy: str) -> Gate:
    """The gate itself, if it is passed; otherwise raises `GateFailed`."""
    if gate.passed:
        collect_gate(name, gate)
        return gate
    problem = f"gate {name} failed: {gate.meaning} is {gate.value:.4g}, the limit {gate.limit:.4g}"
    raise GateFailed(
        problem=problem, remedy=remedy, gate=name, value=gate.value, limit=gate.limit, meaning=gate.meaning
    )


OVERFIT_CHECK = 10
"""Steps between two looks at the error: each look waits for the device."""


def overfit_gate(autoencoder: Autoencoder, row: Float[Tensor, "1 D"], limits: GateLimits) -> Gate:
    """(a) A fresh copy must be able to learn one row by heart; what cannot do that will not learn two hundred."""
    copied = copy.deepcopy(autoencoder)
    optimiser = torch.optim.Adam(copied.parameters(), lr=3e-3, fused=True)
    # the end of the schedule takes out the jitter that Adam keeps at a constant rate
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, limits.overfit_steps)
    # relative, since a row may lie near to or far from the mean row, where training starts
    scale = row.square().mean().clamp(min=torch.finfo(torch.float32).tiny)
    for step in range(limits.overfit_steps + 1):
        loss = (copied.decode(copied.encode(row)) - row).square().mean() / scale
        last = step == limits.overfit_steps
        if (step % OVERFIT_CHECK == 0 or last) and (last or not loss.item() >= limits.overfit_mse):
            break
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    error = loss.item()
    meaning = "squared error after learning one row by heart, as a share of the row's own mean square"
    gate = Gate(error, limits.overfit_mse, error < limits.overfit_mse, meaning)
    return pass_or_fail("autoencoder_overfit", gate, "give the autoencoder more channels or a larger latent")


@torch.no_grad()
def variance_gate(autoencoder: Codec, held_out: Float[Tensor, "h D"], limits: GateLimits) -> Gate:
    """(b) Held-out rows, standardised, must keep some of their variance; a decoder of the mean row keeps none."""
    lost = (autoencoder.decode(autoencoder.encode(held_out)) - held_out).double().square().sum()
    kept = 1 - (lost / held_out.double().square().sum()).item()
    meaning = "share of the variance of held-out rows, about the mean train row, that reconstruction keeps"
    gate = Gate(kept, limits.variance_kept, kept >= limits.variance_kept, meaning)
    remedy = "train the autoencoder for more steps or give it a larger latent, or collect more rows"
    return pass_or_fail("variance_kept", gate, remedy)


def standard_error(differences: Float[Tensor, "h m"]) -> float:
    """Of the mean over rows and images, both of which are samples: √(s²_rows/h + s²_images/m), s² of their means.

    Owen, "The pigeonhole bootstrap" (2007): this is never too small in expectation, and a single row or image adds
    nothing, since its variance is unknown.
    """
    parts = [means.var() / len(means) for means in (differences.mean(1), differences.mean(0)) if len(means) > 1]
    return float(sum(parts)) ** 0.5


@torch.no_grad()
def accuracy_gates(
    autoencoder: Codec,
    held_out: Float[Tensor, "h D"],
    accuracy: Accuracy,
    latent_noise: float,
    limits: GateLimits,
    *,
    seed: int,
) -> dict[str, Gate]:
    """(c) Held-out rows keep their accuracy through encoder and decoder, and (d) also with noise on their latents.

    The loss is paired: the same rows on the same images, before and after. A gate fails where it exceeds the margin by
    more than chance explains. `accuracy` takes rows in the same standardised units.
    """
    latents = autoencoder.encode(held_out)
    draw = randomness.generator(seed, "latent noise gate", device=latents.device)
    noise = torch.randn(latents.shape, generator=draw, device=latents.device)
    before = _hits(accuracy, held_out)
    gates = {}
    for name, z, meaning in (
        ("reconstruction", latents, "validation accuracy of held-out rows after reconstruction"),
        ("latent_noise", latents + latent_noise * spread(latents) * noise, "the same with noise on the latents"),
    ):
        after = _hits(accuracy, autoencoder.decode(z))
        chance = limits.standard_errors * standard_error(before - after)
        value, limit = after.mean().item(), before.mean().item() - limits.accuracy_margin - chance
        allowed = f"limit: before it, less {100 * limits.accuracy_margin:g} points and {limits.standard_errors:g} "
        gate = Gate(value, limit, value >= limit, f"{meaning} ({allowed}standard errors of the paired loss)")
        remedy = "train the autoencoder for more steps or give it a larger latent, or collect more rows"
        gates[name] = pass_or_fail(name, gate, remedy)
    return gates


def _hits(accuracy: Accuracy, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n m"]:
    return accuracy(rows).double().reshape(len(rows), -1)
