"""How a long computation tells what it has done: a plain callable, so that nothing here knows a process or a screen."""

from collections.abc import Callable

OnStep = Callable[[str, int, int], None]
"""Hears the stage, how many steps of it are done, and of how many."""


def silent(stage: str, done: int, total: int, /) -> None:
    """The listener that does nothing."""
