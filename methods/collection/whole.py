"""Strategies whose rows show how a network came about: along all of its training, or the ends of many trainings."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt

from methods.collection.phase import Patterns, Phase, Training, scaled
from methods.collection.shrinking import FIRST
from methods.layout import Buffers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """first: trains everything, to the network that rows are written back into. scale: times its epochs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    keep: Patterns = ("linear.*",)
    buffers: Buffers = "frozen"
    first: Training = FIRST
    rows: Annotated[int, Ge(1)] = 200
    scale: Annotated[float, Gt(0)] = 1.0
    runs: ClassVar[int] = 1

    @property
    def planned(self) -> int:
        return self.rows

    def _first(self) -> Phase:
        return Phase(train=("*",), training=scaled(self.first, self.scale))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun(_Whole):
    """Snapshots evenly spread over the whole training, which is carried out a second time; the last is its result."""

    kind: Literal["whole_run"] = "whole_run"

    def phases(self) -> tuple[Phase, ...]:
        first = self._first()
        return first, dataclasses.replace(first, rows=self.rows, begin="network")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ManySeeds(_Whole):
    """The final parameters of `rows` independent trainings, none of which is the network's own."""

    kind: Literal["many_seeds"] = "many_seeds"

    def phases(self) -> tuple[Phase, ...]:
        first = self._first()
        others = range(1, self.rows + 1)
        return first, *(dataclasses.replace(first, rows=1, begin="network", draw=number) for number in others)
