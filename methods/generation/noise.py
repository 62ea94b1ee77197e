"""Baselines that draw noise: around the mean of the rows (`gaussian`) or around stored rows (`noise_…`)."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.columns import columns
from methods.generation.generator import Accuracy, Fit, Rows
from methods.progress import OnStep, silent

State = Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True, slots=True)
class Normal:
    """Independent normal coordinates of spread `std` around `mean`, or around random train rows where it is None."""

    rows: Rows
    std: Float[Tensor, " D"]
    mean: Float[Tensor, " D"] | None
    stored: State
    single: ClassVar[bool] = False

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        draw = randomness.generator(seed, "normal")
        train = self.rows.train
        chosen = torch.randint(len(train), (n,), generator=draw).tolist() if self.mean is None else [None] * n
        # in place: of whole networks there is no room for a second copy
        samples = torch.randn(n, len(self.std), generator=draw).mul_(self.std)
        for sample, row in zip(samples, chosen, strict=True):
            sample += self.mean if row is None else train[row]
        return samples

    def state(self) -> State:
        return self.stored


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Each coordinate independent and normal, with the mean and std that it has over the rows."""

    name: ClassVar[str] = "gaussian"

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        mean, std = torch.zeros(2, rows.train.shape[1])
        for block in columns(rows.train.shape[1]):
            numbers = rows.train[:, block].double()
            mean[block] = numbers.mean(0)
            if len(numbers) > 1:  # one row has no spread that could be known
                std[block] = numbers.std(0)
        return Fit(self.restore({"mean": mean, "std": std}, rows, device=device))

    def restore(self, state: State, rows: Rows, *, device: torch.device) -> Normal:
        return Normal(rows, state["std"], state["mean"], state)


@dataclasses.dataclass(frozen=True)
class Noise:
    """A random stored row plus normal noise of `relative` times the std of the numbers in each of its tensors."""

    relative: Annotated[float, Gt(0)] = 0.05

    @property
    def name(self) -> str:
        return f"noise_{self.relative:g}"

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(self.restore({"relative": torch.tensor(self.relative)}, rows, device=device))

    def restore(self, state: State, rows: Rows, *, device: torch.device) -> Normal:
        # the std within a tensor, averaged over rows: it is a property of the layer, not of one snapshot
        within = [
            torch.stack([part.double().std(correction=0) for part in row.split(rows.sizes)]) for row in rows.train
        ]
        spreads = torch.stack(within).mean(0).float()
        std = torch.cat([spread.expand(size) for spread, size in zip(spreads, rows.sizes, strict=True)])
        return Normal(rows, state["relative"] * std, None, state)


WEAKEST, STRONGEST, HALVINGS = 1e-4, 10.0, 10


def match_noise(
    rows: Rows,
    novelty: Callable[[Float[Tensor, "n D"]], float],
    wanted: float,
    *,
    models: int,
    seed: int,
    on_step: OnStep = silent,
) -> Fit:
    """Noise just strong enough for the `novelty` of `models` samples (a number that grows with noise) to be `wanted`.

    The strength is found by bisection of its logarithm between 1e-4 and 10; it ends at the side that comes nearest.
    """
    low, high = WEAKEST, STRONGEST
    for step in range(HALVINGS):
        middle = (low * high) ** 0.5
        # the same draws at every strength: novelty then changes with the strength alone
        samples = _noisy(rows, middle).sample(models, seed=seed)
        low, high = (middle, high) if novelty(samples) < wanted else (low, middle)
        on_step("matching noise", step + 1, HALVINGS)
    relative = (low * high) ** 0.5
    return Fit(_noisy(rows, relative), facts={"relative": relative, "novelty": wanted})


def _noisy(rows: Rows, relative: float) -> Normal:
    return Noise().restore({"relative": torch.tensor(relative)}, rows, device=torch.device("cpu"))
