"""Going over rows of whole networks a block of columns at a time."""

from collections.abc import Iterator

COLUMNS = 2**16
"""Blocks of so many columns of some dozens of rows lie in memory that is used again for the next: asked for anew from
the system, it would take longer to get than to compute on."""


def columns(length: int) -> Iterator[slice]:
    """Blocks of columns, from left to right, so that no computation needs a second copy of all rows at once."""
    return (slice(start, min(start + COLUMNS, length)) for start in range(0, length, COLUMNS))
