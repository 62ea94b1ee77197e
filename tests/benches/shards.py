"""What the benchmarks of snapshot shards share: whole networks as rows, and a plain file to compare with."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from methods.layout import Entry, Layout
from storage.rows import Row

ROWS, NUMBERS = 32, 11_200_000  # a whole ResNet-18


def layout_of(numbers: int) -> Layout:
    """One tensor of so many numbers."""
    return Layout(entries=(Entry(name="all", shape=(numbers,), offset=0),), buffers="frozen")


def weights(rows: int = ROWS, size: int = NUMBERS) -> np.ndarray:
    """Numbers like those of late epochs: one network of many scales, and small steps away from it."""
    rng = np.random.default_rng(0)
    network = rng.standard_normal(size, np.float32) * np.repeat(rng.uniform(0.005, 0.2, -(-size // 4096)), 4096)[:size]
    matrix = np.empty((rows, size), np.float32)
    for row in matrix:
        row[:] = network + 1e-3 * rng.standard_normal(size, np.float32)
    return matrix


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


def write_plainly(path: Path, matrix: np.ndarray) -> None:
    """`torch.save`, on the disk (fsync) and hashed (sha256), as shards are."""
    torch.save(torch.from_numpy(matrix), path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        hashlib.file_digest(file, "sha256")
