"""Baselines that combine stored rows: averaging, interpolating, copying. Those that add noise are in `noise.py`.

They stand beside any generated model: without them, no accuracy means anything.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.columns import columns
from methods.generation.generator import Accuracy, Fit, Rows
from methods.progress import OnStep, silent

State = Mapping[str, Tensor]
Draw = Callable[[int, torch.Generator], Float[Tensor, "n k"]]


@dataclasses.dataclass(frozen=True, slots=True)
class Combinations:
    """Samples `draw(n, generator) @ train`: weighted sums of the train rows."""

    rows: Rows
    draw: Draw
    stored: State
    single: bool

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        weights = self.draw(n, randomness.generator(seed, "combinations")).double()
        samples = torch.empty(n, self.rows.train.shape[1])
        for block in columns(samples.shape[1]):
            samples[:, block] = (weights @ self.rows.train[:, block].double()).float()
        return samples

    def state(self) -> State:
        return self.stored


class _Combining(abc.ABC):
    """Nothing is fitted and nothing needs a device; what is drawn are the weights."""

    single: ClassVar[bool] = False

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(self.restore({}, rows, device=device))

    def restore(self, state: State, rows: Rows, *, device: torch.device) -> Combinations:
        return Combinations(rows, lambda n, draw: self.weights(n, rows, state, draw), state, self.single)

    @abc.abstractmethod
    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        """Which share of each train row goes into each of n samples."""


@dataclasses.dataclass(frozen=True)
class Mean(_Combining):
    """The mean of all rows: weight averaging, one model."""

    name: ClassVar[str] = "mean"
    single = True

    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        k = len(rows.train)
        return torch.full((n, k), 1 / k, dtype=torch.float64)


@dataclasses.dataclass(frozen=True)
class MeanOfRun(_Combining):
    """The mean of all rows of one run, each run in turn: averaging by somebody who knows which rows belong together."""

    name: ClassVar[str] = "mean_of_run"

    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        runs = torch.zeros(len(rows.train)) if rows.runs is None else rows.runs
        members = torch.stack([runs == run for run in runs.unique()]).double()
        means = members / members.sum(1, keepdim=True)
        rounds = [torch.randperm(len(means), generator=draw) for _ in range(-(-n // len(means)))]
        return means[torch.cat(rounds)[:n]]


@dataclasses.dataclass(frozen=True)
class AverageOf(_Combining):
    """The mean of `count` random rows, drawn without replacement (of half of the rows where there are too few)."""

    count: Annotated[int, Ge(2)] = 16

    @property
    def name(self) -> str:
        return f"average_of_{self.count}"

    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        k = len(rows.train)
        chosen = self.count if k > self.count else -(-k // 2)
        members = torch.rand(n, k, generator=draw).argsort(1)[:, :chosen]
        return torch.zeros(n, k, dtype=torch.float64).scatter_(1, members, 1 / chosen)


@dataclasses.dataclass(frozen=True)
class Interpolate(_Combining):
    """A point on the line between two random rows, uniform in its position."""

    name: ClassVar[str] = "interpolate"

    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        k = len(rows.train)
        pairs = torch.rand(n, k, generator=draw).argsort(1)[:, :2]
        share = torch.rand(n, 1, generator=draw, dtype=torch.float64)
        shares = torch.cat([share, 1 - share], 1)
        return torch.zeros(n, k, dtype=torch.float64).scatter_add_(1, pairs, shares[:, : pairs.shape[1]])


@dataclasses.dataclass(frozen=True)
class Retrieve(_Combining):
    """The stored row that is best on validation (the first of equals): copying, one model."""

    name: ClassVar[str] = "retrieve"
    single = True

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        return Fit(self.restore({"best": rows.validation_accuracy.argmax()}, rows, device=device))

    def weights(self, n: int, rows: Rows, state: State, draw: torch.Generator) -> Float[Tensor, "n k"]:
        return torch.nn.functional.one_hot(state["best"], len(rows.train)).double().expand(n, -1)
