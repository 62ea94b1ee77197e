"""Snapshots made of arbitrary bits, for the tests of shards and sets."""

import numpy as np

from methods.layout import Entry, Layout
from storage.rows import Row


def layout_of(size: int) -> Layout:
    return Layout(entries=(Entry(name="layer.weight", shape=(size,), offset=0),), buffers="frozen")


def make_rows(count: int, size: int = 4, *, seed: int = 0) -> list[Row]:
    """Parameters are arbitrary bits: NaN, infinities, -0.0 and denormals are among them."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (count, size), np.uint32)
    bits.reshape(-1)[:4] = [0x80000000, 0x00000001, 0x7FC00001, 0xFF800000][: bits.size]
    return [
        Row(
            run=f"run-{seed}", strategy="one", data="digits", seed=seed, epoch=step / 2, step=step, lr=0.1,
            accuracy=step / 100, accuracy_reloaded=float("nan"), parameters=bits[step].view(np.float32),
        )
        for step in range(count)
    ]  # fmt: skip


def bits(matrix: np.ndarray) -> bytes:
    return np.ascontiguousarray(matrix).tobytes()


def expected(rows: list[Row]) -> bytes:
    return b"".join(bits(row.parameters) for row in rows)
