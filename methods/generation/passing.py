"""Gates that a fit passes, collected while it runs: what is known of a fit that stops before its end."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from methods.generation.generator import Gate

_collecting: ContextVar[dict[str, Gate] | None] = ContextVar("gates passed so far", default=None)


@contextlib.contextmanager
def collected_gates() -> Iterator[dict[str, Gate]]:
    """A dictionary to which every gate passed inside the block is added, in this order."""
    passed: dict[str, Gate] = {}
    token = _collecting.set(passed)
    try:
        yield passed
    finally:
        _collecting.reset(token)


def collect_gate(name: str, gate: Gate) -> None:
    """Adds a passed gate to the dictionary of the innermost `collected_gates`, if there is one."""
    passed = _collecting.get()
    if passed is not None:
        passed[name] = gate
