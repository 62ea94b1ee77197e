"""The JSON files of a snapshot set: what a part and what the whole set consist of.

```
SET/layout.json                        the layout of every row
SET/shards/PART-00000-HASH.parquet     rows
SET/parts/PART.json                    commit of one part, written after its shards
SET/entry.json                         commit of the set, written last
```
What no commit names does not exist for a reader. Paths inside are relative, so a set can be moved or copied.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from methods.layout import Layout
from storage.errors import ForeignLayout, MissingFile, NotCommitted, UnknownSchema
from storage.files import Ref
from storage.formats import publish_json, read_json
from storage.places import Location, child

SCHEMA = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One Parquet file: its path below the set, its number of rows, its size in bytes, and its sha256."""

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one writer (one seed of one network), the digest of their layout, and its size D."""

    name: str
    layout: str
    size: int
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Part":
        shards = tuple(Shard(**shard) for shard in stored["shards"])
        return cls(**{**stored, "shards": shards})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A committed set: its parts in the order in which rows are read, and what the writer says about it."""

    layout: str
    size: int
    parts: tuple[Part, ...]
    metadata: dict[str, Any]

    @property
    def shards(self) -> tuple[Shard, ...]:
        return tuple(shard for part in self.parts for shard in part.shards)


def part_file(folder: Location, name: str) -> str:
    return child(folder, f"parts/{name}.json")


def publish_part(folder: Location, part: Part) -> Ref:
    return publish_json(part_file(folder, part.name), {"schema": SCHEMA, **dataclasses.asdict(part)})


def read_part(folder: Location, name: str) -> Part | None:
    """The committed part of that name, or None. Raises `TornFile` or `UnknownSchema`."""
    try:
        return Part.from_json(_read(part_file(folder, name)))
    except MissingFile:
        return None


def publish_entry(folder: Location, entry: Entry) -> Ref:
    return publish_json(child(folder, "entry.json"), {"schema": SCHEMA, **dataclasses.asdict(entry)})


def read_entry(folder: Location) -> Entry:
    """Raises `NotCommitted`, `TornFile` or `UnknownSchema`."""
    try:
        stored = _read(child(folder, "entry.json"))
    except MissingFile as error:
        raise NotCommitted(
            path=str(folder),
            problem=f"{folder} holds no committed snapshot set (no entry.json)",
            remedy="run the collection again: it keeps the parts that are finished, writes the rest, and commits",
        ) from error
    parts = tuple(Part.from_json(part) for part in stored["parts"])
    return Entry(**{**stored, "parts": parts})


def publish_layout(folder: Location, layout: Layout) -> None:
    """Writes the layout of a new set. Raises `ForeignLayout` if the folder already holds rows of another one."""
    try:
        read_layout(folder, layout.digest)
    except MissingFile:
        publish_json(child(folder, "layout.json"), {"schema": SCHEMA, **layout.to_json()})


def read_layout(folder: Location, digest: str) -> Layout:
    """The layout of a set whose rows have the layout `digest`. Raises `ForeignLayout` if the file holds another."""
    path = child(folder, "layout.json")
    layout = Layout.from_json(_read(path))
    if layout.digest != digest:
        raise ForeignLayout(
            path=path,
            problem=f"{path} is layout {layout.digest[:12]}… of {layout.size} numbers, the rows have {digest[:12]}…",
            remedy="give each choice of layers a folder of its own, or restore the layout.json of this set",
        )
    return layout


def _read(path: str) -> Any:
    stored = read_json(path)
    if stored.get("schema") != SCHEMA:
        raise UnknownSchema(
            path=path,
            problem=f"{path} has schema {stored.get('schema')!r}; this version reads {SCHEMA}",
            remedy="read it with the version that wrote it, or collect again into a new folder",
        )
    return {key: value for key, value in stored.items() if key != "schema"}
