"""Is a snapshot set what its commit says, byte for byte?"""

import dataclasses

from pyarrow.fs import FileSelector, FileType

from storage.errors import StorageError
from storage.manifest import Entry, Shard, read_entry, read_layout
from storage.places import Location, locate
from storage.shards import check_shard


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One committed file, its path below the set, and what is wrong with it (None: nothing)."""

    file: str
    error: StorageError | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every committed file, and the strays: files below the folder that no commit names. Strays are not read."""

    files: tuple[FileReport, ...]
    strays: tuple[str, ...]

    @property
    def errors(self) -> tuple[StorageError, ...]:
        return tuple(file.error for file in self.files if file.error is not None)

    def raise_first(self) -> None:
        """Raises the first problem, if there is one."""
        if self.errors:
            raise self.errors[0]


def verify(folder: Location) -> Report:
    """Reads and hashes every committed file of a set.

    Raises `NotCommitted`, `TornFile` or `UnknownSchema` where there is no readable `entry.json`; everything else is in
    the report.
    """
    entry = read_entry(folder)
    files = [FileReport(file="layout.json", error=_layout_error(folder, entry))]
    files += [FileReport(file=shard.file, error=_shard_error(folder, shard)) for shard in entry.shards]
    parts = {f"parts/{part.name}.json" for part in entry.parts}
    named = {"entry.json", *parts, *(file.file for file in files)}
    return Report(files=tuple(files), strays=tuple(sorted(_below(folder) - named)))


def _layout_error(folder: Location, entry: Entry) -> StorageError | None:
    try:
        read_layout(folder, entry.layout)
    except StorageError as error:
        return error
    return None


def _shard_error(folder: Location, shard: Shard) -> StorageError | None:
    try:
        check_shard(folder, shard)
    except StorageError as error:
        return error
    return None


def _below(folder: Location) -> set[str]:
    system, inner = locate(folder)
    found = system.get_file_info(FileSelector(inner, recursive=True))
    return {info.path.removeprefix(inner.rstrip("/") + "/") for info in found if info.type is FileType.File}
