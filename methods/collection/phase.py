"""What a collection strategy is made of: stretches of training, as data."""

import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, MinLen

Patterns = Annotated[tuple[str, ...], MinLen(1)]
"""Shell-style patterns of parameter names, for example `layer4.1.bn*`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Stochastic gradient descent with momentum.

    schedule: `constant`; `cosine` to zero; `one_cycle` (a rise over the first quarter, then cosine to zero);
    `steps`, times `decay` at each of `milestones` (fractions of the epochs).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: Annotated[int, Ge(1)]
    learning_rate: Annotated[float, Gt(0)] = 0.1
    momentum: Annotated[float, Interval(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Ge(0)] = 5e-4
    batch_size: Annotated[int, Ge(2)] = 128
    schedule: Literal["constant", "cosine", "one_cycle", "steps"] = "constant"
    milestones: tuple[Annotated[float, Interval(gt=0, lt=1)], ...] = (0.3, 0.6, 0.8)
    decay: Annotated[float, Interval(gt=0, le=1)] = 0.2


def scaled(training: Training, scale: float) -> Training:
    """The same with `scale` times the epochs, rounded, at least one."""
    return dataclasses.replace(training, epochs=max(1, round(scale * training.epochs)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reinitialise:
    """Parameters that get new random values, and which: `methods.collection.reinitialise`.

    kernels: of parameters with two axes or more, He et al.'s (arXiv 1502.01852, section 2.2) with fan-out, for ReLU.
    vectors: all others are uniform between minus and plus this.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    names: Patterns
    kernels: Literal["kaiming_normal", "kaiming_uniform"] = "kaiming_normal"
    vectors: Annotated[float, Gt(0)] = 0.01


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training.

    train: patterns of the parameters that move; all others are frozen. views: augmented copies of each image whose
    frozen part is computed once and kept; used in turn, one per epoch.

    begin: from what there is (`here`), with fresh initial values of everything in a row (`rows`), or with those of the
    whole network, norm statistics too (`network`). draw: whose initial values, order of images and augmentations: 0,
    the collection's own; n, the n-th of others. Phases that train the same layers with one draw see the same batches.
    reinitialise: parameters that get new values before anything trains. batch_sizes: one of them is drawn, in place of
    the training's; none: the training's.

    rows: snapshots kept, evenly spread over the phase (as many as epochs: one per epoch). In their place, a phase may
    look for its own end: it trains until the accuracy on validation is above `until`, at the end of an epoch, and for
    all its epochs at most; then it goes on for `linger` times the epochs that it took, rounded up, and keeps a snapshot
    after each.
    """

    train: Patterns
    training: Training
    rows: int = 0
    views: int = 1
    begin: Literal["here", "rows", "network"] = "here"
    draw: int = 0
    reinitialise: Reinitialise | None = None
    batch_sizes: tuple[int, ...] = ()
    until: float | None = None
    linger: float = 0.0

    @property
    def keeps(self) -> bool:
        """There are snapshots."""
        return self.rows > 0 or self.linger > 0

    @property
    def opens(self) -> bool:
        """It only goes on with what there is and keeps nothing: the beginning of a strategy, which others may share."""
        return not self.keeps and self.begin == "here" and self.reinitialise is None

    @property
    def most_epochs(self) -> int:
        return self.training.epochs + self.lingering(self.training.epochs)

    def lingering(self, epochs: int) -> int:
        """For how many epochs it goes on after so many."""
        return math.ceil(self.linger * epochs)
