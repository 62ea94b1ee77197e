"""Strategies that damage a trained network and train it again, over and over: the note's attempts 5 to 7.

Names are those of ResNet-18. The note stops at accuracies on the test split; here it is the validation split, as the
test split chooses nothing.
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, MinLen

from methods.collection.phase import Patterns, Phase, Reinitialise, Training, scaled
from methods.collection.shrinking import FIRST
from methods.layout import Buffers

Accuracy = Annotated[float, Interval(ge=0, le=1)]
CONVOLUTIONS = ("conv1.*", "layer1.*.conv*")
NORMS = ("bn1.*", "layer1.*.bn*")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Retraining:
    """first: trains everything, until the accuracy is above `first_accuracy`. Then cycles, until `rows` rows are kept.

    A cycle gives some parameters new values, trains everything as `again` says, with a batch size drawn anew, until
    the accuracy is above `accuracy`, for n epochs; then for `linger`·n epochs more (1 in the note, 2 in its code), with
    a row after each. scale: times all epochs.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    keep: Patterns = ("linear.*",)
    buffers: Buffers = "frozen"
    first: Training = FIRST
    first_accuracy: Accuracy | None = 0.8888
    reinitialise: Reinitialise = Reinitialise(names=("conv1.*", "bn1.*"))
    again: Training = Training(epochs=10, learning_rate=1e-4)
    accuracy: Accuracy = 0.88
    batch_sizes: Annotated[tuple[Annotated[int, Ge(2)], ...], MinLen(1)] = (32, 64, 128, 256, 512, 1024)
    linger: Annotated[float, Gt(0)] = 1.0
    rows: Annotated[int, Ge(1)] = 200
    scale: Annotated[float, Gt(0)] = 1.0
    runs: ClassVar[int] = 1

    @property
    def planned(self) -> int:
        return self.rows

    def phases(self) -> tuple[Phase, ...]:
        """One cycle per row, which is enough: each keeps at least one. The collection ends with its last row."""
        first = Phase(train=("*",), training=scaled(self.first, self.scale), until=self.first_accuracy)
        again = scaled(self.again, self.scale)
        return first, *(
            Phase(
                train=("*",),
                training=again,
                draw=number,
                reinitialise=self.reinitialise,
                batch_sizes=self.batch_sizes,
                until=self.accuracy,
                linger=self.linger,
            )
            for number in range(1, self.rows + 1)
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrainFirst(_Retraining):
    """Attempt 5: the first convolution and its norm."""

    kind: Literal["retrain_first"] = "retrain_first"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrainConv(_Retraining):
    """Attempt 6: the convolutions up to the end of the first stage, and the head."""

    kind: Literal["retrain_conv"] = "retrain_conv"
    reinitialise: Reinitialise = Reinitialise(names=(*CONVOLUTIONS, "linear.*"))
    again: Training = Training(epochs=100, learning_rate=1e-2)
    accuracy: Accuracy = 0.82


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetrainConvBn(_Retraining):
    """Attempt 7: their norms as well."""

    kind: Literal["retrain_conv_bn"] = "retrain_conv_bn"
    reinitialise: Reinitialise = Reinitialise(names=(*CONVOLUTIONS, *NORMS, "linear.*"))
    again: Training = Training(epochs=100, learning_rate=1e-2)
    accuracy: Accuracy = 0.82
