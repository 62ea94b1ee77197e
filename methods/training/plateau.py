"""Annealing at a plateau: how long a training takes is decided by data held back, within a budget of steps."""

import math
from collections.abc import Callable

from methods.training.curve import Curve

ANNEALED = 0.5
"""Steps of annealing, as a share of those before it."""


class PlateauAnnealing:
    """Factor of a learning rate, and end of a training, both decided by the error on data held back.

    The factor is 1 until `patience` steps have brought no smaller error; then it falls to 0 along a cosine, over half
    as many steps as were taken until then, and the training ends. The last state is kept, not that of the smallest
    error: at a constant rate the smallest of many errors is small by chance, too. `steps` is the most that is taken,
    annealing included. An error that is not a number is never the smallest.
    """

    def __init__(self, error: Callable[[], float], *, every: int, patience: int, steps: int) -> None:
        """every: steps from one look at the error to the next."""
        self.error, self.every, self.patience = error, every, patience
        self.latest = max(every, math.floor(steps / (1 + ANNEALED) / every) * every)
        self.steps = steps
        self.best, self.best_step = float("inf"), 0
        self.plateau: int | None = None
        """The step from which on the rate falls; None before it is known."""
        self.x: list[float] = []
        self.y: list[float] = []

    def factor(self, step: int) -> float:
        """Of the learning rate, after so many steps; for `torch.optim.lr_scheduler.LambdaLR`."""
        if self.plateau is None:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - self.plateau) / self._length(self.plateau))))

    def __call__(self, step: int) -> bool:
        """Whether to stop after so many steps; looks at the error while the rate is constant."""
        if self.plateau is not None:
            return step >= self.plateau + self._length(self.plateau)
        if step % self.every == 0:
            self._look(step)
        return step >= self.steps

    def _look(self, step: int) -> None:
        error = self.error()
        self.x.append(float(step))
        self.y.append(error)
        if error < self.best:
            self.best, self.best_step = error, step
        if step - self.best_step >= self.patience or step >= self.latest:
            self.plateau = step

    def _length(self, plateau: int) -> int:
        return max(1, min(math.ceil(ANNEALED * plateau), self.steps - plateau))

    def curve(self) -> Curve:
        return Curve(tuple(self.x), tuple(self.y), "step", "loss on data held back")
