"""What an attack is to reach. Targeted or not is decided here, once, and no attack asks again."""

import dataclasses
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

Logits = Float[Tensor, "n k"]


@runtime_checkable
class Goal(Protocol):
    """One goal per sample of a batch."""

    @property
    def labels(self) -> Int[Tensor, " n"]:
        """The true classes."""
        ...

    def margin(self, logits: Logits) -> Float[Tensor, " n"]:
        """How much the logits lack: positive until the goal is reached, below zero from then on."""
        ...

    def reached(self, logits: Logits, confidence: float = 0.0) -> Bool[Tensor, " n"]:
        """Whether the margin is negative, and at most −confidence (κ of Carlini and Wagner). A tie reaches nothing."""
        ...

    def loss(self, logits: Logits) -> Float[Tensor, " n"]:
        """The cross-entropy to lower: of the target, or the negative one of the true label."""
        ...

    def targets(self, logits: Logits) -> Int[Tensor, " n"]:
        """The class to move to: the target, or else the best class that is not the true one (the runner-up)."""
        ...

    def __getitem__(self, keep: Tensor) -> "Goal":
        """The goals of a part of the batch."""
        ...


def best_except(logits: Logits, classes: Int[Tensor, " n"]) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """The largest logit of any other class, and that class."""
    others = logits.scatter(1, classes[:, None], float("-inf"))
    values, indices = others.max(1)
    return values, indices


def of_class(logits: Logits, classes: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    return logits.gather(1, classes[:, None])[:, 0]


def _reached(margin: Float[Tensor, " n"], confidence: float) -> Bool[Tensor, " n"]:
    return (margin < 0) & (margin <= -confidence)


@dataclasses.dataclass(frozen=True)
class Untargeted:
    """Any class but the true one."""

    labels: Int[Tensor, " n"]

    def margin(self, logits: Logits) -> Float[Tensor, " n"]:
        return of_class(logits, self.labels) - best_except(logits, self.labels)[0]

    def reached(self, logits: Logits, confidence: float = 0.0) -> Bool[Tensor, " n"]:
        if confidence == 0:  # the largest of all is larger only where it is another's: three operations, not seven
            return of_class(logits, self.labels) < logits.amax(1)
        return _reached(self.margin(logits), confidence)

    def loss(self, logits: Logits) -> Float[Tensor, " n"]:
        return -cross_entropy(logits, self.labels, reduction="none")

    def targets(self, logits: Logits) -> Int[Tensor, " n"]:
        return best_except(logits, self.labels)[1]

    def __getitem__(self, keep: Tensor) -> "Untargeted":
        return Untargeted(self.labels[keep])


@dataclasses.dataclass(frozen=True)
class Targeted:
    """The class `classes`, of images whose true class is `labels`."""

    labels: Int[Tensor, " n"]
    classes: Int[Tensor, " n"]

    def margin(self, logits: Logits) -> Float[Tensor, " n"]:
        return best_except(logits, self.classes)[0] - of_class(logits, self.classes)

    def reached(self, logits: Logits, confidence: float = 0.0) -> Bool[Tensor, " n"]:
        return _reached(self.margin(logits), confidence)

    def loss(self, logits: Logits) -> Float[Tensor, " n"]:
        return cross_entropy(logits, self.classes, reduction="none")

    def targets(self, logits: Logits) -> Int[Tensor, " n"]:
        return self.classes

    def __getitem__(self, keep: Tensor) -> "Targeted":
        return Targeted(self.labels[keep], self.classes[keep])


def random_targets(labels: Int[Tensor, " n"], classes: int, draws: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """A class other than the true one for each sample, all equally likely, from uniform draws in [0, 1)."""
    shift = 1 + (draws * (classes - 1)).long().clamp(max=classes - 2)
    return (labels + shift) % classes
