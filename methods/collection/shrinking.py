"""Strategies in which ever fewer layers train: the note's first four attempts at parameters that fit other networks.

Names are those of ResNet-18. The note gives layers and epochs; learning rates are ours. Rows come from every phase
after the first, so that what a row leaves out has moved between them.
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, MinLen

from methods.collection.phase import Patterns, Phase, Training, scaled
from methods.layout import Buffers

FIRST = Training(epochs=100, schedule="steps")
BN1, BN2, CONV1, CONV2, HEAD = "layer4.1.bn1.*", "layer4.1.bn2.*", "layer4.1.conv1.*", "layer4.1.conv2.*", "linear.*"
EARLIER1, EARLIER2 = "layer4.0.bn1.*", "layer4.0.bn2.*"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Shrinking:
    """first: trains everything. stages: what trains after that, one phase each, as `then` says.

    rows: kept in all, shared evenly among the stages. scale: times all epochs.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    keep: Patterns = (HEAD,)
    buffers: Buffers = "frozen"
    first: Training = FIRST
    then: Training = Training(epochs=100, learning_rate=0.01)
    stages: Annotated[tuple[Patterns, ...], MinLen(1)] = ((HEAD,),)
    rows: Annotated[int, Ge(1)] = 200
    views: Annotated[int, Ge(1)] = 1
    scale: Annotated[float, Gt(0)] = 1.0
    runs: ClassVar[int] = 1

    @property
    def planned(self) -> int:
        return self.rows

    def phases(self) -> tuple[Phase, ...]:
        shares = [len(range(place, self.rows, len(self.stages))) for place in range(len(self.stages))]
        then = scaled(self.then, self.scale)
        return (
            Phase(train=("*",), training=scaled(self.first, self.scale)),
            *(
                Phase(train=names, training=then, draw=place, rows=share, views=self.views)
                for place, (names, share) in enumerate(zip(self.stages, shares, strict=True), 1)
            ),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shrink(_Shrinking):
    """Attempt 1: both last norms and the head, then without the first norm, then the head alone."""

    kind: Literal["shrink"] = "shrink"
    stages: Annotated[tuple[Patterns, ...], MinLen(1)] = ((BN1, BN2, HEAD), (BN2, HEAD), (HEAD,))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkReordered(_Shrinking):
    """Attempt 2: the same names in another order, for half the epochs; the order of names decides nothing."""

    kind: Literal["shrink_reordered"] = "shrink_reordered"
    then: Training = Training(epochs=50, learning_rate=0.01)
    stages: Annotated[tuple[Patterns, ...], MinLen(1)] = ((HEAD, BN2, BN1), (HEAD, BN2), (HEAD,))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkConv(_Shrinking):
    """Attempt 3: the convolutions of the last block train as well."""

    kind: Literal["shrink_conv"] = "shrink_conv"
    stages: Annotated[tuple[Patterns, ...], MinLen(1)] = ((CONV1, BN1, CONV2, BN2, HEAD), (CONV2, BN2, HEAD), (HEAD,))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FourBn(_Shrinking):
    """Attempt 4: the four norms of the last two blocks, one fewer in every phase."""

    kind: Literal["four_bn"] = "four_bn"
    then: Training = Training(epochs=50, learning_rate=0.01)
    stages: Annotated[tuple[Patterns, ...], MinLen(1)] = (
        (EARLIER1, EARLIER2, BN1, BN2, HEAD),
        (EARLIER2, BN1, BN2, HEAD),
        (BN1, BN2, HEAD),
        (BN2, HEAD),
        (HEAD,),
    )
