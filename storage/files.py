"""Files that are visible at once or not at all, on a local disk or behind a URI.

`publish` writes aside, checks what it wrote, syncs, hashes and renames; tasks exchange the `Ref` that it returns.
"""

import contextlib
import dataclasses
import hashlib
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pyarrow.fs import FileSystem, FileType, LocalFileSystem, copy_files

from storage.errors import MissingFile, TornFile, WrongHash
from storage.places import Location, child, locate, parent
from storage.write_errors import write_errors


@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """A file and its content: absolute path or URI, and the sha256 (hex) of its bytes."""

    path: str
    sha256: str

    @property
    def key(self) -> str:
        """What it counts by where a job is given it: its content, wherever it lies."""
        return self.sha256


def sha256(path: Location) -> str:
    """Hash (hex) of a file's bytes. Raises `MissingFile`."""
    system, inner = locate(path)
    try:
        with system.open_input_file(inner) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise MissingFile(
            path=str(path), problem=f"{path} does not exist", remedy="run the task that writes it again"
        ) from error


def verify_ref(ref: Ref) -> None:
    """Raises `MissingFile` or `WrongHash` unless the file is there with the content that `ref` names."""
    found = sha256(ref.path)
    if found != ref.sha256:
        raise WrongHash(
            path=ref.path,
            problem=f"{ref.path} has sha256 {found[:12]}…, but {ref.sha256[:12]}… was recorded",
            remedy="it was changed or damaged since: delete it and run the task that writes it again",
        )


@contextlib.contextmanager
def local_copy(path: Location) -> Iterator[Path]:
    """A local path with the content of `path`: itself, or a temporary download. Raises `MissingFile`."""
    system, inner = locate(path)
    if system.get_file_info(inner).type is FileType.NotFound:
        raise MissingFile(path=str(path), problem=f"{path} does not exist", remedy="run the task that writes it again")
    if isinstance(system, LocalFileSystem):
        yield Path(inner)
        return
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / posixpath.basename(inner)
        copy_files(inner, str(local), source_filesystem=system, destination_filesystem=LocalFileSystem())
        yield local


def publish(
    path: Location,
    write: Callable[[Path], object],
    *,
    check: Callable[[Path], object] | None = None,
    size: int = 0,
    addressed: bool = False,
) -> Ref:
    """Writes a file so that a reader finds all of it or nothing, whatever happens in between.

    `write` fills the local path that it is given, `check` opens it again and raises if it cannot be read back. `size`
    (bytes, if known) makes the message about a full disk exact. `addressed` puts twelve digits of the hash into the
    name (`a.parquet` -> `a-0123456789ab.parquet`), so that new content never replaces old. One writer per path.

    Raises `StorageFull`, `ReadOnlyHome`, or what `write` and `check` raise; then nothing new is visible.
    """
    system, target = locate(path)
    name = posixpath.basename(target)
    folder = posixpath.dirname(target)
    with write_errors(path, size):
        system.create_dir(folder, recursive=True)
        with _aside(system, folder, name) as local:
            write(local)
            if check is not None:
                check(local)
            _sync(local)
            digest = sha256(local)
            if addressed:
                stem, dot, suffix = name.rpartition(".")
                name = f"{stem}-{digest[:12]}{dot}{suffix}"
            _move(system, local, posixpath.join(folder, name))
    return Ref(path=child(parent(path), name), sha256=digest)


@contextlib.contextmanager
def _aside(system: FileSystem, folder: str, name: str) -> Iterator[Path]:
    if not isinstance(system, LocalFileSystem):
        # An exception inside an object store's output stream publishes what was sent so far: finish locally first.
        with tempfile.TemporaryDirectory() as scratch:
            yield Path(scratch) / name
        return
    prefix = f".{name}.tmp-"
    for leftover in Path(folder).iterdir():
        writer = leftover.name.removeprefix(prefix)
        if leftover.name.startswith(prefix) and writer.isdigit() and not _alive(int(writer)):
            leftover.unlink(missing_ok=True)
    local = Path(folder) / f"{prefix}{os.getpid()}"
    try:
        yield local
    finally:
        local.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move(system: FileSystem, local: Path, target: str) -> None:
    if isinstance(system, LocalFileSystem):
        os.replace(local, target)
        _sync(Path(target).parent)
        return
    copy_files(str(local), target, source_filesystem=LocalFileSystem(), destination_filesystem=system)
    sent, size = system.get_file_info(target).size, local.stat().st_size
    if sent != size:
        system.delete_file(target)
        raise TornFile(
            path=target, problem=f"{sent} of {size} bytes of {target} arrived", remedy="check the connection, run again"
        )
