"""Early stopping: training ends once rows held back stop improving, and the best state is restored."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from methods.training.curve import Curve


@runtime_checkable
class HasState(Protocol):
    """What is needed here of `torch.nn.Module`."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...


class EarlyStopping:
    """Callable with the number of steps done; returns whether to stop.

    The error is taken before the first step and after every `every` steps. Training stops after `patience` steps
    without a smaller one. An error that is not a number is never the smallest.
    """

    def __init__(self, network: HasState, error: Callable[[], float], *, every: int, patience: int) -> None:
        self.network, self.error, self.every, self.patience = network, error, every, patience
        self.best, self.best_step = float("inf"), 0
        self.state: dict[str, Tensor] = {}
        self.x: list[float] = []
        self.y: list[float] = []
        self._look(0)

    def __call__(self, step: int) -> bool:
        if step % self.every:
            return False
        self._look(step)
        return step - self.best_step >= self.patience

    def _look(self, step: int) -> None:
        error = self.error()
        self.x.append(float(step))
        self.y.append(error)
        if error < self.best or not self.state:
            self.best, self.best_step = error if error == error else float("inf"), step
            self.state = copy.deepcopy(self.network.state_dict())

    def restore(self) -> None:
        """Put the best state back into the network."""
        self.network.load_state_dict(self.state)

    def curve(self) -> Curve:
        return Curve(tuple(self.x), tuple(self.y), "step", "error of rows held back")
