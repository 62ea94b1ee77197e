"""Reading a committed snapshot set: the scalars first, then only the row groups that hold chosen rows."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from methods.layout import Layout
from storage.files import Ref, verify_ref
from storage.manifest import Entry, Shard, read_entry, read_layout
from storage.places import Location, parent
from storage.rows import SCALARS
from storage.scratch import mapped
from storage.shards import group_sizes, opened, read_parameters

READERS = 2
"""Row groups decoded at a time: one core alone would be slower than `torch.load`."""


class Selection(TypedDict, total=False):
    """Which rows: of these seeds, strategies and data sets, from poisoned or from clean training images.

    With low <= epoch <= high, and of at least this accuracy at collection.
    """

    seeds: Sequence[int]
    strategies: Sequence[str]
    data: Sequence[str]
    poisoned: bool
    epochs: tuple[float, float]
    min_accuracy: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The chosen rows of one row group: their indices inside it and their scalars."""

    shard: Shard
    index: int
    rows: np.ndarray
    scalars: pa.Table


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSet:
    """The rows that `entry` commits, in the order of its parts; other files in the folder do not count."""

    folder: str
    entry: Entry
    layout: Layout

    @classmethod
    def open(cls, where: Location | Ref) -> "SnapshotSet":
        """The set in a folder, or exactly the one that a `Ref` from `commit` names.

        Raises `NotCommitted`, `ForeignLayout`, `UnknownSchema`, and for a `Ref` `MissingFile` or `WrongHash`.
        """
        if isinstance(where, Ref):
            verify_ref(where)
            where = parent(where.path)
        entry = read_entry(where)
        return cls(folder=str(where), entry=entry, layout=read_layout(where, entry.layout))

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.entry.shards)

    @property
    def bytes(self) -> int:
        """Size of all shards on disk."""
        return sum(shard.bytes for shard in self.entry.shards)

    @property
    def shards(self) -> tuple[Shard, ...]:
        return self.entry.shards

    @property
    def size(self) -> int:
        """D, the numbers in one row."""
        return self.entry.size

    @property
    def metadata(self) -> dict[str, Any]:
        return self.entry.metadata

    def scalars(self, **selection: Unpack[Selection]) -> pa.Table:
        """Everything about the chosen rows but their parameters."""
        return _scalars(self._groups(selection))

    def matrix(self, **selection: Unpack[Selection]) -> tuple[Float[np.ndarray, "k d"], pa.Table]:
        """The chosen rows as one matrix (float32), and their scalars row by row; k may be 0.

        Holds the matrix and `READERS` row groups. Raises `MissingShard`, `TornShard` or `WrongHash`.
        """
        groups = list(self._groups(selection))
        ends = np.cumsum([len(group.rows) for group in groups], dtype=np.int64)
        matrix = np.empty((ends[-1] if groups else 0, self.size), np.float32)
        with ThreadPoolExecutor(READERS) as readers:
            # list: the first error is raised here
            list(readers.map(self._read, groups, np.split(matrix, ends[:-1])))
        return matrix, _scalars(groups)

    def mapped(self, **selection: Unpack[Selection]) -> tuple[Float[np.ndarray, "k d"], pa.Table]:
        """The same, in a nameless file on the disk of the set, mapped into memory. Holds two row groups.

        Raises `StorageFull` or `ReadOnlyHome` besides.
        """
        groups = list(self._groups(selection))
        return mapped((self._block(group) for group in groups), self.size, self.folder), _scalars(groups)

    def batches(self, **selection: Unpack[Selection]) -> Iterator[tuple[Float[np.ndarray, "n d"], pa.Table]]:
        """The same rows in the same order, those of one row group at a time."""
        for group in self._groups(selection):
            yield self._block(group), group.scalars

    def _block(self, group: _Group) -> Float[np.ndarray, "n d"]:
        block = np.empty((len(group.rows), self.size), np.float32)
        self._read(group, block)
        return block

    def _read(self, group: _Group, out: Float[np.ndarray, "n d"]) -> None:
        with opened(self.folder, group.shard, self.size) as file:
            read_parameters(file, group.index, group.rows, out)

    def _groups(self, selection: Selection) -> Iterator[_Group]:
        condition = _condition(selection)
        for shard in self.entry.shards:
            with opened(self.folder, shard, self.size) as file:
                sizes = group_sizes(file)
                scalars = file.read(columns=SCALARS.names)
            positions = pa.array(np.arange(shard.rows))
            chosen = scalars.append_column("position", positions).filter(condition)
            kept = chosen.column("position").to_numpy()
            start = 0
            for index, size in enumerate(sizes):
                low, high = np.searchsorted(kept, [start, start + size])
                if high > low:
                    table = chosen.slice(low, high - low).drop_columns("position")
                    yield _Group(shard=shard, index=index, rows=kept[low:high] - start, scalars=table)
                start += size


def _scalars(groups: Iterable[_Group]) -> pa.Table:
    return pa.concat_tables([SCALARS.empty_table(), *(group.scalars for group in groups)])


def _condition(selection: Selection) -> pc.Expression:
    condition = pc.scalar(True)
    if "seeds" in selection:
        condition &= pc.field("seed").isin(list(selection["seeds"]))
    if "strategies" in selection:
        condition &= pc.field("strategy").isin(list(selection["strategies"]))
    if "data" in selection:
        condition &= pc.field("data").isin(list(selection["data"]))
    if "poisoned" in selection:
        condition &= pc.field("poisoned") == pc.scalar(selection["poisoned"])
    if "epochs" in selection:
        low, high = selection["epochs"]
        condition &= (pc.field("epoch") >= low) & (pc.field("epoch") <= high)
    if "min_accuracy" in selection:
        condition &= pc.field("accuracy") >= selection["min_accuracy"]
    return condition
