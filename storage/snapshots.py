"""Writing a snapshot set: shards, then the commit of each part, then the commit of the set.

Resuming looks at what is committed and remembers nothing else: a part that was stopped is written again from its start.
"""

import contextlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.fs import FileSelector

from methods.errors import BadData, BadSetting
from methods.layout import Layout
from storage.errors import DoubledRows, ForeignLayout, NotCommitted
from storage.files import Ref, publish
from storage.manifest import (
    Entry,
    Part,
    Shard,
    part_file,
    publish_entry,
    publish_layout,
    publish_part,
    read_entry,
    read_part,
)
from storage.places import Location, child, locate
from storage.rows import Row, blocks, group_rows
from storage.shards import check_rows, opened, write_shard
from storage.write_errors import write_errors

SHARD = re.compile(r"\.?(?P<part>.+)-\d{5}(-[0-9a-f]{12})?\.parquet(\.tmp-\d+)?")
WRITERS = 2
"""Shards being encoded and hashed while the next one fills: they keep pace with a plain `torch.save`."""


def write_part(
    folder: Location, part: str, rows: Iterable[Row], layout: Layout, *, rows_per_shard: int | None = None
) -> Ref:
    """Streams `rows` into shards (by default of 128 MB) and commits them as one part; three shards are in memory.

    A part of that name that is committed already stays readable until the new one replaces it. One writer per part.
    Raises `ForeignLayout`, `BadData` (no rows, or rows that do not fit), `StorageFull`, `ReadOnlyHome`.
    """
    if not re.fullmatch(r"\w[\w.=+-]*", part, re.ASCII):
        raise BadSetting(
            problem=f"{part!r} cannot name a part", remedy="use letters, digits and _ . = + -, beginning with a letter"
        )
    publish_layout(folder, layout)
    remove_uncommitted(folder, part)
    jobs: list[Future[Shard]] = []
    with ThreadPoolExecutor(WRITERS) as writers:
        for table in blocks(rows, layout.size, rows_per_shard or group_rows(layout.size), kept=WRITERS + 1):
            if len(jobs) >= WRITERS:
                jobs[-WRITERS].result()
            jobs.append(writers.submit(_write, folder, f"{part}-{len(jobs):05d}", table))
        shards = tuple(job.result() for job in jobs)
    if not shards:
        raise BadData(problem=f"part {part!r} of {folder} has no rows", remedy="collect at least one snapshot per part")
    return publish_part(folder, Part(name=part, layout=layout.digest, size=layout.size, shards=shards))


def _write(folder: Location, name: str, table: pa.Table) -> Shard:
    ref = publish(
        child(folder, f"shards/{name}.parquet"),
        lambda local: write_shard(local, table),
        check=lambda local: check_rows(local, table.num_rows),
        size=table.nbytes,
        addressed=True,
    )
    system, inner = locate(ref.path)
    info = system.get_file_info(inner)
    return Shard(file=f"shards/{info.base_name}", rows=table.num_rows, bytes=info.size, sha256=ref.sha256)


def commit(folder: Location, parts: Sequence[str], layout: Layout, metadata: dict[str, Any]) -> Ref:
    """Makes a set of `parts`, in that order, readable; `metadata` (JSON values) is handed to its readers.

    The same parts and metadata give the same hash. Raises `NotCommitted` (naming the parts that are missing),
    `ForeignLayout`, `MissingShard`, `TornShard`, or `DoubledRows` if a (run, seed, step) occurs twice.
    """
    missing = [name for name in parts if read_part(folder, name) is None]
    if missing or not parts:
        raise NotCommitted(
            path=str(folder),
            problem=f"{folder} lacks {len(missing)} of {len(parts)} parts: {', '.join(missing) or 'none was named'}",
            remedy="write these parts again, then commit",
        )
    publish_layout(folder, layout)
    found = [part for name in parts if (part := read_part(folder, name))]
    for part in found:
        if part.layout != layout.digest:
            raise ForeignLayout(
                path=part_file(folder, part.name),
                problem=f"part {part.name!r} has layout {part.layout[:12]}…, the set {layout.digest[:12]}…",
                remedy="collect this part again with the layout of the set",
            )
    entry = Entry(layout=layout.digest, size=layout.size, parts=tuple(found), metadata=metadata)
    _refuse_doubled(folder, entry)
    ref = publish_entry(folder, entry)
    remove_uncommitted(folder, *parts)
    return ref


def _refuse_doubled(folder: Location, entry: Entry) -> None:
    keys = []
    for shard in entry.shards:
        with opened(folder, shard, entry.size) as file:
            keys.append(file.read(columns=["run", "seed", "step"]))
    counts = pa.concat_tables(keys).group_by(["run", "seed", "step"]).aggregate([([], "count_all")])
    doubled = counts.filter(pc.field("count_all") > 1)
    if doubled.num_rows:
        first = doubled.slice(0, 1).to_pylist()[0]
        raise DoubledRows(
            path=str(folder),
            problem=f"{doubled.num_rows} rows of {folder} occur more than once, the first is {first}",
            remedy="commit each part once, and give every run a name or a seed of its own",
        )


def remove_uncommitted(folder: Location, *parts: str) -> None:
    """Deletes shards of `parts` that stopped or replaced writers left: named neither by their part nor by the set."""
    kept: set[str] = set()
    for found in (read_part(folder, part) for part in parts):
        if found is not None:
            kept.update(child(folder, shard.file) for shard in found.shards)
    with contextlib.suppress(NotCommitted):
        kept.update(child(folder, shard.file) for shard in read_entry(folder).shards)
    shards, own = child(folder, "shards"), set(parts)
    system, inner = locate(shards)
    with write_errors(shards):
        for info in system.get_file_info(FileSelector(inner, allow_not_found=True)):
            named = SHARD.fullmatch(info.base_name)
            if named and named["part"] in own and child(shards, info.base_name) not in kept:
                system.delete_file(info.path)
