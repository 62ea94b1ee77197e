"""What can be wrong with a file, a folder or a set, each with its path.

A damaged file is never skipped: results computed from what is left would look like results computed from everything.
"""

import dataclasses

from methods.errors import WeightsmithError


@dataclasses.dataclass(eq=False, kw_only=True)
class StorageError(WeightsmithError):
    """Base of all errors about stored bytes; `path` is the file or folder concerned."""

    path: str


@dataclasses.dataclass(eq=False, kw_only=True)
class StorageFull(StorageError):
    """The disk or the quota ran out while a file was written; nothing of that file is visible."""


@dataclasses.dataclass(eq=False, kw_only=True)
class ReadOnlyHome(StorageError):
    """The folder may not be written to."""


@dataclasses.dataclass(eq=False, kw_only=True)
class HomeBusy(StorageError):
    """Another run holds the home: process `pid` (0: unknown), since `since` (ISO 8601, UTC)."""

    pid: int
    since: str


@dataclasses.dataclass(eq=False, kw_only=True)
class MissingFile(StorageError):
    """A file that something refers to is not there."""


@dataclasses.dataclass(eq=False, kw_only=True)
class TornFile(StorageError):
    """A file that ends too early or cannot be decoded."""


@dataclasses.dataclass(eq=False, kw_only=True)
class WrongHash(StorageError):
    """A file of the right size whose sha256 is not the recorded one: a flipped bit, or another file of that name."""


@dataclasses.dataclass(eq=False, kw_only=True)
class MissingShard(MissingFile):
    """A committed shard is not in its folder."""


@dataclasses.dataclass(eq=False, kw_only=True)
class TornShard(TornFile):
    """A shard that is truncated, whose footer or pages do not decode, or whose row count is not the recorded one."""


@dataclasses.dataclass(eq=False, kw_only=True)
class ForeignLayout(StorageError):
    """Rows of one layout beside a layout file, or other rows, of a different one."""


@dataclasses.dataclass(eq=False, kw_only=True)
class UnknownSchema(StorageError):
    """Written by a version of this project whose file format this one does not know."""


@dataclasses.dataclass(eq=False, kw_only=True)
class NotCommitted(StorageError):
    """A part or a set without the entry file that is written last: its writer was stopped before the end."""


@dataclasses.dataclass(eq=False, kw_only=True)
class DoubledRows(StorageError):
    """The same (run, seed, step) occurs more than once in what would become one set."""


@dataclasses.dataclass(eq=False, kw_only=True)
class UnsafePickle(StorageError):
    """A pickle that wants to load `wanted`, which tensors and plain networks do not need; nothing of it was run."""

    wanted: str
