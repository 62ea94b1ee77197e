"""Losses over time: checked for NaN, and thinned to what a picture can show."""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from methods.errors import Diverged
from methods.progress import OnStep

POINTS = 200
"""A curve in a report is a few hundred pixels wide."""


@dataclasses.dataclass(frozen=True, slots=True)
class Curve:
    """A mean loss per stretch of steps."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str = "loss"


class LossRecorder:
    """Collects one loss a step without waiting for the device, and looks at them `POINTS` times in all.

    Raises `Diverged` at the first look that finds a NaN or an infinity.
    """

    def __init__(
        self, stage: str, steps: int, on_step: OnStep, *, x_label: str = "step", x_per_step: float = 1.0
    ) -> None:
        self.stage, self.steps, self.on_step = stage, steps, on_step
        self.x_label, self.x_per_step = x_label, x_per_step
        self.every = max(1, math.ceil(steps / POINTS))
        self.pending: list[Tensor] = []
        self.done = 0
        self.x: list[float] = []
        self.y: list[float] = []

    def add(self, loss: Float[Tensor, ""]) -> None:
        self.pending.append(loss.detach())
        self.done += 1
        if len(self.pending) >= self.every or self.done >= self.steps:
            self.flush()

    def flush(self) -> None:
        """Look at what was added since the last look; for a training that ends before all its steps."""
        if not self.pending:
            return
        mean = torch.stack(self.pending).mean().item()
        self.pending.clear()
        if not math.isfinite(mean):
            raise Diverged(
                problem=f"the loss of {self.stage} became {mean} by step {self.done} of {self.steps}",
                remedy="lower the learning rate of this stage, or look for damaged input",
                step=self.done,
            )
        self.x.append(self.done * self.x_per_step)
        self.y.append(mean)
        self.on_step(self.stage, self.done, self.steps)

    def curve(self) -> Curve:
        return Curve(tuple(self.x), tuple(self.y), self.x_label)
