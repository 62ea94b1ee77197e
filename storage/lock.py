"""One run at a time in one home, and one writer at a time in one folder."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import HomeBusy
from storage.write_errors import write_errors


@contextlib.contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Holds `home` (made if missing) for this process. Raises `HomeBusy`, `ReadOnlyHome` or `StorageFull`.

    The kernel frees the lock when the process ends, however it ends: the file `lock` that stays behind means nothing.
    """
    path = home / "lock"
    with write_errors(path):
        home.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            raise _busy(home, handle.read()) from error
        with write_errors(path):
            handle.truncate(0)
            handle.write(json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}))
            handle.flush()
        yield


@contextlib.contextmanager
def folder_turn(folder: Path) -> Iterator[None]:
    """Waits until no other process writes into `folder` (made if missing); leaves nothing behind there.

    Freed by the kernel as above. Raises `ReadOnlyHome` or `StorageFull`.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _busy(home: Path, content: str) -> HomeBusy:
    try:
        holder = json.loads(content)
    except ValueError:
        # The other run holds the lock, but has not written its name yet.
        holder = {"pid": 0, "since": "this moment"}
    return HomeBusy(
        path=str(home),
        pid=holder["pid"],
        since=holder["since"],
        problem=f"{home} is in use by process {holder['pid'] or '(unknown)'} since {holder['since']}",
        remedy="wait until that run ends, or give this one another home (--home)",
    )
