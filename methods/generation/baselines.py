"""What must stand beside any generated model: without these, no accuracy means anything."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.generation.generator import Accuracy, Fit, Rows
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True)
class OneRow:
    """Always the same row."""

    row: Float[Tensor, "D"]
    single: ClassVar[bool] = True

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        return self.row.expand(n, -1).clone()

    def state(self) -> dict[str, Tensor]:
        return {"row": self.row}


@dataclasses.dataclass(frozen=True, slots=True)
class Normal:
    """Independent normal coordinates around a centre: one row for `gaussian`, any train row for `noise`."""

    centres: Float[Tensor, "k D"]
    std: Float[Tensor, "D"]
    single: ClassVar[bool] = False

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        draw = randomness.generator(seed, "normal")
        centre = self.centres[torch.randint(len(self.centres), (n,), generator=draw)]
        return centre + self.std * torch.randn(centre.shape, generator=draw)

    def state(self) -> dict[str, Tensor]:
        return {"centres": self.centres, "std": self.std}


class _Baseline:
    """Fitting a baseline takes no time and no device."""

    sampler: ClassVar[type[OneRow] | type[Normal]]

    def restore(self, state: Mapping[str, Tensor], *, device: torch.device) -> OneRow | Normal:
        return self.sampler(**state)


@dataclasses.dataclass(frozen=True)
class Mean(_Baseline):
    """The mean of all rows: weight averaging, one model."""

    name: ClassVar[str] = "mean"
    sampler = OneRow

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(OneRow(rows.train.double().mean(0).float()))


@dataclasses.dataclass(frozen=True)
class Retrieve(_Baseline):
    """The stored row that is best on validation (the first of equals): copying, one model."""

    name: ClassVar[str] = "retrieve"
    sampler = OneRow

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(OneRow(rows.train[int(rows.validation_accuracy.argmax())].clone()))


@dataclasses.dataclass(frozen=True)
class Gaussian(_Baseline):
    """Each coordinate independent and normal, with the mean and std that it has over the rows."""

    name: ClassVar[str] = "gaussian"
    sampler = Normal

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(Normal(rows.train.double().mean(0, keepdim=True).float(), rows.train.double().std(0).float()))


@dataclasses.dataclass(frozen=True)
class Noise(_Baseline):
    """A random stored row plus normal noise of `relative` times the std of the numbers in each of its tensors."""

    relative: Annotated[float, Gt(0)] = 0.05
    sampler = Normal

    @property
    def name(self) -> str:
        return f"noise_{self.relative:g}"

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        # the std within a tensor, averaged over rows: it is a property of the layer, not of one snapshot
        within = [part.double().std(1, correction=0).mean().float() for part in rows.train.split(rows.sizes, dim=1)]
        std = torch.cat([spread.expand(size) for spread, size in zip(within, rows.sizes, strict=True)])
        return Fit(Normal(rows.train, self.relative * std))


BASELINES = (Noise(relative=0.05), Mean(), Gaussian(), Retrieve())
"""Run beside every generator, with the same n and the same evaluator."""
