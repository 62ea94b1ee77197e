"""Memory of reading, fitting and sampling `gram_pca` on 32 snapshots of a whole ResNet-18, from a set on disk."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from tests.benches.shards import NUMBERS, ROWS, layout_of, seconds, snapshots, weights

KEY = "whole_network_memory"
TARGET = 4.0
SAMPLES = 8
TINY = {"rows": 24, "numbers": 500}
WORK = """
import json, resource, sys, threading
import torch
from storage.files import Ref
from tasks.generation.generators import GramPca, all_generators
from tasks.classifiers.training_rows import Material, rows_of

torch.set_num_threads(1)
anonymous, done = [0], threading.Event()

def watch():
    while not done.wait(0.01):
        for line in open("/proc/self/status"):
            if line.startswith("RssAnon"):
                anonymous[0] = max(anonymous[0], int(line.split()[1]))

watcher = threading.Thread(target=watch)
watcher.start()
material, cpu = Material(snapshots=Ref(*sys.argv[1:3])), torch.device("cpu")
generator = all_generators(GramPca())["gram_pca"]
# as the two jobs do: the sampling one has only the state, and reads the rows again
accuracy = lambda rows: torch.ones(len(rows))
state = generator.fit(rows_of(material, 0)[0], accuracy=accuracy, seed=0, device=cpu).sampler.state()
samples = generator.restore(state, rows_of(material, 0)[0], device=cpu).sample(int(sys.argv[3]), seed=0)
done.set()
watcher.join()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"shape": list(samples.shape), "peak": peak / 2**20, "anonymous": anonymous[0] / 2**20}))
"""


def measure(*, rows: int = ROWS, numbers: int = NUMBERS) -> dict[str, object]:
    """`ratio` is the peak in GiB of a fresh process, file pages that it has mapped included; smaller is better."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        write_part(folder, "part", snapshots(weights(rows, numbers)), layout_of(numbers))
        ref = commit(folder, ["part"], layout_of(numbers), {})
        command = [sys.executable, "-c", WORK, ref.path, ref.sha256, str(SAMPLES)]
        root = Path(__file__).parents[2]
        told: dict[str, str] = {}

        def work() -> None:
            told["last"] = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout

        ours_seconds = seconds(work)
        found = json.loads(told["last"].splitlines()[-1])
        if found["shape"] != [SAMPLES, numbers]:
            raise RuntimeError(f"samples of shape {found['shape']}")
        theirs_seconds = seconds(lambda: SnapshotSet.open(folder).matrix())
    return {
        "ratio": found["peak"],
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"the peak in GiB, smaller is better; {found['anonymous']:.2f} GiB of it not backed by a file; {rows} "
        f"rows of {numbers:,} ({4 * rows * numbers / 2**30:.2f} GiB), {SAMPLES} samples; theirs: reading the rows once",
    }
