"""What every generator of parameters is: fit on the rows of one network, then sample n new ones.

Baselines are generators, too.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from methods.progress import OnStep, silent
from methods.training.curve import Curve

Accuracy = Callable[[Float[Tensor, "n D"]], Shaped[Tensor, "n *m"]]  # noqa: F821 – a variadic axis
"""Whether the network with each row written into it is right on each validation image, as a number in [0, 1].

The mean over images is a row's accuracy. A single number per row is the accuracy on one image: its sampling error over
images is then unknown and taken as 0.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """The snapshots of one network. `held_out` is seen by nobody who fits; it is there for the gates and the audit.

    Rows of a whole network may be mapped from a file: go over them by `columns` and copy no matrix whole.
    """

    train: Float[Tensor, "k D"]
    held_out: Float[Tensor, "h D"]
    sizes: tuple[int, ...]
    """Lengths of the tensors that make up a row; they add up to D."""
    validation_accuracy: Float[Tensor, " k"]
    """Of the rows in `train`, in [0, 1]."""
    runs: Int[Tensor, " k"] | None = None
    """Which run, by number, each row in `train` comes from, where there are several."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """A number that must lie on the right side of its limit before a run may go on; `meaning` in plain words."""

    value: float
    limit: float
    passed: bool
    meaning: str


@runtime_checkable
class Sampler(Protocol):
    """A fitted generator."""

    @property
    def single(self) -> bool:
        """There is only one model to be had: sampling it twice gives the same row."""
        ...

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]: ...

    def state(self) -> Mapping[str, Tensor]:
        """Everything that `restore` needs, by name."""
        ...


class Generator(Protocol):
    """The hyper-parameters are the generator: equality, hash and cache key come from its fields."""

    @property
    def name(self) -> str: ...

    def fit(
        self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent
    ) -> "Fit": ...

    def restore(self, state: Mapping[str, Tensor], rows: Rows, *, device: torch.device) -> Sampler:
        """The sampler as it was fitted, given its state and the rows that it was fitted on."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """What fitting yields: the sampler, the gates that it passed, and the losses on the way."""

    sampler: Sampler
    gates: Mapping[str, Gate] = dataclasses.field(default_factory=dict)
    curves: Mapping[str, Curve] = dataclasses.field(default_factory=dict)
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
