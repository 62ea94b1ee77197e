"""Reading 32 snapshots of a whole ResNet-18 from shards, with page checksums, against `torch.load`."""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch

from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from tests.benches.shards import NUMBERS, ROWS, layout_of, seconds, snapshots, weights, write_plainly

KEY = "shard_read"
TARGET = 3.0
TINY = {"rows": 3, "numbers": 5000, "rounds": 1}


def measure(*, rows: int = ROWS, numbers: int = NUMBERS, rounds: int = 5) -> dict[str, object]:
    """Interleaved, medians; both from the page cache; smaller ratios are better."""
    matrix, layout = weights(rows, numbers), layout_of(numbers)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        plain, shards = Path(folder, "plain.pt"), Path(folder, "set")
        write_plainly(plain, matrix)
        write_part(shards, "part", snapshots(matrix), layout)
        commit(shards, ["part"], layout, {})
        if not np.array_equal(SnapshotSet.open(shards).matrix()[0], matrix):
            raise RuntimeError("what was read is not what was written")
        for _ in range(rounds):
            theirs.append(seconds(lambda: torch.load(plain)))
            ours.append(seconds(lambda: SnapshotSet.open(shards).matrix()))
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": ours_seconds / theirs_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"smaller is better; {rows} rows of {numbers:,}, checksums verified on our side only, from the page "
        f"cache, medians of {rounds}",
    }
