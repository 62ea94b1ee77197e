"""How parameters are collected: data, not code paths. A strategy is a plan of phases that the one loop carries out."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Protocol

from annotated_types import Ge

from methods.collection.phase import Patterns, Phase, Training
from methods.collection.retraining import RetrainConv, RetrainConvBn, RetrainFirst
from methods.collection.shrinking import FourBn, Shrink, ShrinkConv, ShrinkReordered
from methods.collection.whole import ManySeeds, WholeRun
from methods.layout import Buffers


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

    @property
    def planned(self) -> int:
        """How many rows a collection of one network keeps; it ends with the last of them."""
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

    @property
    def planned(self) -> int:
        return self.rows

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(train=("*",), training=self.first),
            Phase(train=self.keep, training=self.then, draw=1, rows=self.rows, views=self.views),
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

    @property
    def planned(self) -> int:
        return self.restarts * self.rows

    def phases(self) -> tuple[Phase, ...]:
        planned = [Phase(train=("*",), training=self.first)]
        for number in range(1, self.restarts + 1):
            planned.append(Phase(train=self.keep, training=self.warm, begin="rows", draw=number, views=self.views))
            draw = self.restarts + number  # another than the warm-up's, and than those of the other runs
            planned.append(Phase(train=self.keep, training=self.then, draw=draw, rows=self.rows, views=self.views))
        return tuple(planned)


Strategy = (
    LastPhase
    | Restarts
    | Shrink
    | ShrinkReordered
    | ShrinkConv
    | FourBn
    | RetrainFirst
    | RetrainConv
    | RetrainConvBn
    | WholeRun
    | ManySeeds
)
"""Any collection strategy, told apart by `kind`."""
