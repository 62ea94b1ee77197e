"""Errors of the operating system while writing, as errors that a user can act on."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator

from pyarrow.fs import LocalFileSystem

from storage.errors import ReadOnlyHome, StorageFull
from storage.places import Location, locate


@contextlib.contextmanager
def write_errors(path: Location, size: int = 0) -> Iterator[None]:
    """Tells a full disk and a read-only folder apart from other errors of the operating system."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                path=str(path),
                problem=f"no space left to write {path}" + (f" ({size:,} bytes)" if size else ""),
                remedy=f"{_to_free(path, size)}; finished files are kept, so the same command goes on from there",
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ReadOnlyHome(
                path=str(path),
                problem=f"{path} cannot be written: {error}",
                remedy="choose another home (--home or WEIGHTSMITH_HOME), or make this folder writable",
            ) from error
        raise


def _to_free(path: Location, size: int) -> str:
    system, inner = locate(path)
    folder = os.path.dirname(inner)
    if not isinstance(system, LocalFileSystem) or not os.path.isdir(folder):
        return "free some space there"
    free = shutil.disk_usage(folder).free
    return f"free {max(size - free, 0) or 'some'} bytes ({free:,} are free), or choose another home"
