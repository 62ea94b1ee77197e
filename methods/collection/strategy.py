"""How parameters are collected: data, not code paths. A strategy is a plan of phases that the one loop carries out."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Protocol

from annotated_types import Ge, Gt, Interval, MinLen

from methods.layout import Buffers

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training.

    train: patterns of the parameters that move; all others are frozen. rows: snapshots kept, evenly spread over the
    phase (as many as epochs: one per epoch). views: augmented copies of each image whose frozen part is computed once
    and kept; used in turn, one per epoch. restart: which fresh initialisation of the trained parameters it begins from;
    0 goes on with what there is. Rows of different restarts are independent of each other.
    """

    train: Patterns
    training: Training
    rows: int = 0
    views: int = 1
    restart: int = 0


class CollectionStrategy(Protocol):
    """The plan: which phases there are, which tensors a row keeps, and what becomes of norm statistics."""

    @property
    def kind(self) -> str: ...
    @property
    def keep(self) -> Patterns: ...
    @property
    def buffers(self) -> Buffers: ...
    @property
    def runs(self) -> int:
        """How many independent runs the rows of one network come from."""
        ...

    def phases(self) -> tuple[Phase, ...]: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LastPhase:
    """The paper's: train everything, then freeze all but the train layers and keep `rows` snapshots of them.

    arXiv 2402.13144, section 3.2: one snapshot per epoch of the second phase, that is rows = then.epochs.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["last_phase"] = "last_phase"
    keep: Patterns = ("layer4.1.bn1.*", "layer4.1.bn2.*")
    buffers: Buffers = "frozen"
    first: Training
    then: Training
    rows: Annotated[int, Ge(1)] = 200
    views: Annotated[int, Ge(1)] = 1
    runs: ClassVar[int] = 1

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(train=("*",), training=self.first),
            Phase(train=self.keep, training=self.then, rows=self.rows, views=self.views),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """Rows from several solutions: the train layers begin `restarts` times from a fresh initialisation.

    Each time `warm` brings them to a solution of their own, and `then` keeps `rows` snapshots around it. Solutions
    differ by symmetries of the network, so that their average is none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["restarts"] = "restarts"
    keep: Patterns = ("*",)
    buffers: Buffers = "frozen"
    first: Training
    warm: Training
    then: Training
    restarts: Annotated[int, Ge(2)] = 8
    rows: Annotated[int, Ge(10)] = 50
    views: Annotated[int, Ge(1)] = 1

    @property
    def runs(self) -> int:
        return self.restarts

    def phases(self) -> tuple[Phase, ...]:
        planned = [Phase(train=("*",), training=self.first)]
        for number in range(1, self.restarts + 1):
            planned.append(Phase(train=self.keep, training=self.warm, restart=number, views=self.views))
            planned.append(Phase(train=self.keep, training=self.then, rows=self.rows, views=self.views))
        return tuple(planned)


Strategy = LastPhase | Restarts
"""Any collection strategy, told apart by `kind`."""
