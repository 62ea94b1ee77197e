"""What Parquet encodings of snapshots cost: `python -m tests.benches.encodings [NUMBERS]`, by default a ResNet-18.

Into memory, with page checksums. The last line is what `storage/shards.py` writes; splitting into planes and merging
them again is part of the time.
"""

import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.rows import PLANES, blocks, split
from tests.benches.shards import NUMBERS, seconds, snapshots, weights

ELEMENT = "parameters.list.element"
ZSTD: dict[str, Any] = {"compression": "zstd", "compression_level": 1}
LISTS: dict[str, dict[str, Any]] = {
    "lists, zstd-1, byte stream split": {**ZSTD, "column_encoding": {ELEMENT: "BYTE_STREAM_SPLIT"}},
    "lists, lz4, byte stream split": {"compression": "lz4", "column_encoding": {ELEMENT: "BYTE_STREAM_SPLIT"}},
    "lists, zstd-1, plain": {**ZSTD, "column_encoding": {ELEMENT: "PLAIN"}},
    "lists, plain": {"compression": "none", "column_encoding": {ELEMENT: "PLAIN"}},
}
LAST = {"compression": {PLANES[-1]: "zstd"}}
PLANED: dict[str, dict[str, Any]] = {
    "planes, plain": {"compression": "none"},
    "planes, zstd-1 on the last": {**LAST, "compression_level": {PLANES[-1]: 1}},
    "planes, zstd-(-20) on the last": {**LAST, "compression_level": {PLANES[-1]: -20}},
}


def as_lists(matrix: np.ndarray) -> pa.Table:
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), matrix.shape[1])
    return pa.table({"parameters": pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), type=kind)})


def as_planes(matrix: np.ndarray) -> pa.Table:
    return next(blocks(snapshots(matrix), matrix.shape[1], len(matrix), kept=1)).select(PLANES)


def merge(table: pa.Table, out: np.ndarray) -> None:
    for name, target in zip(PLANES, split(out), strict=True):
        column = table.column(name).combine_chunks()
        target[:] = np.frombuffer(column.buffers()[1], np.uint8).reshape(out.shape)


def cost(matrix: np.ndarray, name: str, out: np.ndarray) -> tuple[float, float, int]:
    """Seconds of writing and reading, and bytes."""
    options = (PLANED if name in PLANED else LISTS)[name]
    sink, always = pa.BufferOutputStream(), {"use_dictionary": False, "write_statistics": False}

    def write() -> None:
        table = (as_planes if name in PLANED else as_lists)(matrix)
        pq.write_table(table, sink, write_page_checksum=True, **always, **options)

    def read() -> None:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        if name in PLANED:
            merge(table, out)

    writing = seconds(write)
    content = sink.getvalue()
    return writing, seconds(read), content.size


def main(size: int = NUMBERS, total: int = 16_000_000) -> None:
    matrix = weights(max(1, total // size), size)
    out = np.zeros_like(matrix)
    print(f"{'':32} write MB/s  read MB/s   size")
    for name in (*LISTS, *PLANED):
        writing, reading, bytes_ = cost(matrix, name, out)
        megabytes = matrix.nbytes / 1e6
        print(f"{name:32} {megabytes / writing:10.0f} {megabytes / reading:10.0f} {bytes_ / matrix.nbytes:6.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
