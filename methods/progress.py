"""How a long computation tells what it has done: a plain callable, so that nothing here knows a process or a screen."""

from typing import Protocol


class OnStep(Protocol):
    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


def silent(stage: str, done: int, total: int, /) -> None:
    """The listener that does nothing."""
