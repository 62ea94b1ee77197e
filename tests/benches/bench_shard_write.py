"""Writing 32 snapshots of a whole ResNet-18 as shards, against `torch.save`: both on the disk and hashed."""

import statistics
import tempfile
from pathlib import Path

from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from tests.benches.shards import NUMBERS, ROWS, layout_of, seconds, snapshots, weights, write_plainly

KEY = "shard_write"
TARGET = 2.0
TINY = {"rows": 3, "numbers": 5000, "rounds": 1}


def measure(*, rows: int = ROWS, numbers: int = NUMBERS, rounds: int = 5) -> dict[str, object]:
    """Interleaved, medians; smaller ratios are better."""
    matrix, layout = weights(rows, numbers), layout_of(numbers)
    ours, theirs = [], []
    for _ in range(rounds):
        # a new folder each time: writing over a file is cheaper than writing one
        with tempfile.TemporaryDirectory(dir=".") as folder:
            plain = Path(folder, "plain.pt")
            theirs.append(seconds(lambda path=plain: write_plainly(path, matrix)))
            bytes_of_theirs = plain.stat().st_size
        with tempfile.TemporaryDirectory(dir=".") as folder:
            ours.append(seconds(lambda path=folder: write_part(path, "part", snapshots(matrix), layout)))
            commit(folder, ["part"], layout, {})
            size = SnapshotSet.open(folder).bytes / bytes_of_theirs
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": ours_seconds / theirs_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"smaller is better; {size:.3f} of the size of torch.save (target 1); {rows} rows of {numbers:,}, "
        f"fsync and sha256 on both sides, medians of {rounds}",
    }
