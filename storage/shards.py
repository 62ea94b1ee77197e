"""One shard: a Parquet file whose rows are snapshots.

Scalars are small columns with statistics; the parameters are four columns of bytes. Every page carries a checksum,
since Parquet does not notice a flipped bit otherwise.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from storage.errors import MissingShard, TornShard, WrongHash
from storage.files import sha256
from storage.manifest import Shard
from storage.places import Location, child, locate
from storage.rows import PLANES, SCALARS, TEXTS, group_rows, shard_schema, split


def write_shard(path: Path, table: pa.Table) -> None:
    """Writes one block as a Parquet file."""
    compressed = [*SCALARS.names, PLANES[-1]]
    pq.write_table(
        table,
        path,
        row_group_size=group_rows(table.schema.field(PLANES[0]).type.byte_width),
        compression=dict.fromkeys(compressed, "zstd"),
        # just enough for a shard to be smaller than its numbers; level 1 saves 15 % for half as much time again
        compression_level=dict.fromkeys(compressed, -20),
        use_dictionary=list(TEXTS),
        write_statistics=SCALARS.names,
        write_page_checksum=True,
    )


def check_rows(path: Path, rows: int) -> None:
    """Opens a shard just written: after a disk ran full, closing the file can succeed without a footer."""
    try:
        found = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise TornShard(path=str(path), problem=f"{path} cannot be read back: {error}", remedy="run again") from error
    if found != rows:
        raise TornShard(path=str(path), problem=f"{path} holds {found} rows, not {rows}", remedy="run again")


def check_shard(folder: Location, shard: Shard) -> None:
    """Compares a shard with its commit, byte for byte. Raises `MissingShard`, `TornShard` or `WrongHash`."""
    path = child(folder, shard.file)
    system, inner = locate(path)
    size = system.get_file_info(inner).size
    remedy = "restore the file from a copy, or delete its part's file in parts/ and collect that part again"
    if size is None:
        raise MissingShard(path=path, problem=f"{path} is committed, but not there", remedy=remedy)
    if size != shard.bytes:
        raise TornShard(path=path, problem=f"{path} has {size:,} bytes, {shard.bytes:,} are committed", remedy=remedy)
    found = sha256(path)
    if found != shard.sha256:
        raise WrongHash(
            path=path, problem=f"{path} has sha256 {found[:12]}…, {shard.sha256[:12]}… is committed", remedy=remedy
        )


@contextlib.contextmanager
def opened(folder: Location, shard: Shard, size: int) -> Iterator[pq.ParquetFile]:
    """The Parquet file of a committed shard of rows of `size` numbers.

    What goes wrong inside is traced back to the file: `MissingShard`, `TornShard` or `WrongHash` if that is the cause.
    """
    system, inner = locate(child(folder, shard.file))
    try:
        with pq.ParquetFile(inner, filesystem=system, page_checksum_verification=True) as file:
            rows = sum(group_sizes(file))
            if rows != shard.rows or not file.schema_arrow.equals(shard_schema(size)):
                raise pa.ArrowInvalid(f"{shard.file} holds {rows} rows of {file.schema_arrow}")
            yield file
    except (OSError, UnicodeDecodeError, pa.ArrowException):
        check_shard(folder, shard)
        raise


def group_sizes(file: pq.ParquetFile) -> list[int]:
    """Rows in each row group."""
    return [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]


def read_parameters(
    file: pq.ParquetFile, group: int, rows: Int[np.ndarray, " n"], out: Float[np.ndarray, "n d"]
) -> None:
    """Fills `out` with the parameters of the chosen rows, by ascending index, of one row group."""
    count, size = group_sizes(file)[group], out.shape[1]
    table = file.read_row_group(group, columns=list(PLANES))
    for name, target in zip(PLANES, split(out), strict=True):
        column = table.column(name).combine_chunks()
        if len(column) != count:
            raise pa.ArrowInvalid(f"row group {group} holds {len(column)} rows of {name}")
        plane = np.frombuffer(column.buffers()[1], np.uint8, count * size, column.offset * size).reshape(count, size)
        target[:] = plane if len(rows) == count else plane[rows]
