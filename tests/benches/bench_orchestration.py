"""What Prefect, Ray, MLflow and the report cost: the digits study through the command line, against plain calls."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEY = "orchestration_overhead"
TARGET = 30.0
TINY = {"preset": "smoke", "rounds": 1, "threads": 1}
# one network: with several, Ray would win back by running them side by side what it costs
CHANGES = ("seeds=[0]",)
PLAIN = """
import sys
from pathlib import Path
import torch
from flows.studies import resolve
from tests.benches.plain import run_plainly
torch.set_num_threads(int(sys.argv[2]))
run_plainly(resolve("parameter_diffusion", sys.argv[3], sys.argv[4:]), Path(sys.argv[1]))
"""


def measure(*, preset: str = "digits", rounds: int = 2, threads: int | None = None) -> dict[str, object]:
    """Whole processes, interleaved, each in a new home; `ratio` is ours over theirs, the target is in seconds more."""
    ours, theirs = [], []
    cpus = str(threads or len(os.sched_getaffinity(0)))
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            changes = [part for change in CHANGES for part in ("--set", change)]
            command = ["-m", "flows", "run", "parameter_diffusion", "--preset", preset, "--home", home, *changes]
            ours.append(_seconds(command))
        with tempfile.TemporaryDirectory() as home:
            theirs.append(_seconds(["-c", PLAIN, home, cpus, preset, *CHANGES]))
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": ours_seconds / theirs_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"{ours_seconds - theirs_seconds:.1f} s more for Prefect, Ray, MLflow and the report, in a new home; "
        f"the target is under {TARGET:.0f} s; one network, {cpus} threads on both sides",
    }


def _seconds(arguments: list[str]) -> float:
    start = time.perf_counter()
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, *arguments], cwd=root, check=True, stdout=sys.stderr)
    return time.perf_counter() - start
