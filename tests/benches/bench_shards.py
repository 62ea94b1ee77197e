"""Snapshot shards against torch.save and torch.load: time of writing, time of reading, size.

    python -m tests.benches.bench_shards [ROWS] [NUMBERS]      default: 32 rows of 11.2 million (a whole ResNet-18)

Writing means: on the disk (fsync) and hashed (sha256), on both sides. Both sides run in turn, medians of three. The
second table shows the other encodings, on one row group, written into memory.
"""

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from methods.layout import Entry, Layout
from storage.rows import Row
from storage.shards import ELEMENT
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part

ENCODINGS = {
    "zstd-1, byte planes": {"compression": "zstd", "compression_level": 1, "column_encoding": "BYTE_STREAM_SPLIT"},
    "lz4, byte planes": {"compression": "lz4", "column_encoding": "BYTE_STREAM_SPLIT"},
    "snappy, byte planes": {"compression": "snappy", "column_encoding": "BYTE_STREAM_SPLIT"},
    "zstd-1, plain": {"compression": "zstd", "compression_level": 1, "column_encoding": "PLAIN"},
    "none, plain": {"compression": "none", "column_encoding": "PLAIN"},
}


def weights(rows: int, size: int) -> np.ndarray:
    """Numbers like those of late epochs: one network of many scales, and small steps away from it."""
    rng = np.random.default_rng(0)
    network = rng.standard_normal(size, np.float32) * np.repeat(rng.uniform(0.005, 0.2, -(-size // 4096)), 4096)[:size]
    return np.stack([network + 1e-3 * rng.standard_normal(size, np.float32) for _ in range(rows)]).astype(np.float32)


def snapshots(matrix: np.ndarray) -> Iterator[Row]:
    for step, parameters in enumerate(matrix):
        yield Row(
            run="bench", strategy="bench", data="bench", seed=0, epoch=float(step), step=step, lr=0.1,
            accuracy=0.9, accuracy_reloaded=0.9, parameters=parameters,
        )  # fmt: skip


def seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def peer_write(path: Path, matrix: np.ndarray) -> None:
    torch.save(torch.from_numpy(matrix), path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        hashlib.file_digest(file, "sha256")


def shards(rows: int, size: int, folder: Path, repeats: int = 3) -> dict[str, float]:
    """Ratios ours / torch of write seconds, read seconds and bytes."""
    matrix = weights(rows, size)
    layout = Layout(entries=(Entry(name="all", shape=(size,), offset=0),), buffers="frozen")
    peer, ours = folder / "peer.pt", folder / "set"
    times: dict[str, list[float]] = {"write": [], "peer write": [], "read": [], "peer read": []}
    for _ in range(repeats):
        times["peer write"].append(seconds(lambda: peer_write(peer, matrix)))
        times["write"].append(seconds(lambda: write_part(ours, "part", snapshots(matrix), layout)))
    commit(ours, ["part"], layout, {})
    for _ in range(repeats):
        times["peer read"].append(seconds(lambda: torch.load(peer)))
        times["read"].append(seconds(lambda: SnapshotSet.open(ours).matrix()))
    middle = {name: statistics.median(values) for name, values in times.items()}
    return {
        "write": middle["write"] / middle["peer write"],
        "read": middle["read"] / middle["peer read"],
        "size": SnapshotSet.open(ours).bytes / peer.stat().st_size,
    } | {f"{name} seconds": value for name, value in middle.items()}


def encodings(size: int) -> dict[str, tuple[float, float, float]]:
    """Write and read in MB/s, and size relative to the raw numbers, of each encoding with page checksums."""
    matrix = weights(max(1, 16_000_000 // size), size)
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), size)
    table = pa.table({"parameters": pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), type=kind)})
    found = {}
    for name, encoding in ENCODINGS.items():
        options = {**encoding, "column_encoding": {ELEMENT: encoding["column_encoding"]}, "write_page_checksum": True}
        start = time.perf_counter()
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, use_dictionary=False, write_statistics=False, **options)
        stored, written = sink.getvalue(), time.perf_counter()
        pq.read_table(pa.BufferReader(stored), page_checksum_verification=True)
        megabytes = matrix.nbytes / 1e6
        read = time.perf_counter()
        found[name] = megabytes / (written - start), megabytes / (read - written), stored.size / matrix.nbytes
    return found


def main(rows: int = 32, size: int = 11_200_000) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for name, value in shards(rows, size, Path(folder)).items():
            print(f"{name:20} {value:8.2f}")
    print(f"\n{'':20} write MB/s  read MB/s   size")
    for name, (writing, reading, relative) in encodings(size).items():
        print(f"{name:20} {writing:10.0f} {reading:10.0f} {relative:6.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
