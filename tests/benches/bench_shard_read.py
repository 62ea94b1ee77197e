"""Reading 32 snapshots of a whole ResNet-18 from shards, with page checksums, against `torch.load`."""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch

from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from tests.benches.shards import LAYOUT, NUMBERS, ROWS, seconds, snapshots, weights, write_plainly

KEY = "shard_read"
TARGET = 3.0
ROUNDS = 5


def measure() -> dict[str, object]:
    """Interleaved, medians; both from the page cache; smaller ratios are better."""
    matrix = weights()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        plain, shards = Path(folder, "plain.pt"), Path(folder, "set")
        write_plainly(plain, matrix)
        write_part(shards, "part", snapshots(matrix), LAYOUT)
        commit(shards, ["part"], LAYOUT, {})
        if not np.array_equal(SnapshotSet.open(shards).matrix()[0], matrix):
            raise RuntimeError("what was read is not what was written")
        for _ in range(ROUNDS):
            theirs.append(seconds(lambda: torch.load(plain)))
            ours.append(seconds(lambda: SnapshotSet.open(shards).matrix()))
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": ours_seconds / theirs_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"smaller is better; {ROWS} rows of {NUMBERS:,}, checksums verified on our side only, from the page "
        f"cache, medians of {ROUNDS}",
    }
