"""Matrices too large for memory: in a file that has no name, and is gone with the last array that looks at it."""

import tempfile
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from pyarrow.fs import LocalFileSystem

from storage.places import Location, child, locate
from storage.write_errors import write_errors


def mapped(blocks: Iterable[Float[np.ndarray, "n d"]], size: int, folder: Location) -> Float[np.ndarray, "k d"]:
    """The rows of all blocks, `size` numbers each, as one writable matrix mapped from the disk of `folder`.

    An object store lends no disk: there the system's temporary folder is used. Raises `StorageFull`, `ReadOnlyHome`.
    """
    system, inner = locate(folder)
    beside = inner if isinstance(system, LocalFileSystem) else None
    with write_errors(child(folder, "scratch")), tempfile.TemporaryFile(dir=beside) as file:
        count = 0
        for block in blocks:
            # written, not assigned through a mapping: there, a full disk ends the process instead of raising
            file.write(np.ascontiguousarray(block, np.float32).data)
            count += len(block)
        file.flush()
        return np.memmap(file, np.float32, "r+", shape=(count, size))
