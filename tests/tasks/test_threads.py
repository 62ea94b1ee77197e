"""Threads of arithmetic are those of the configuration, whatever the machine has and whoever asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import threadpoolctl
import torch

from storage.formats import publish_json, read_json
from tasks.runtime.pool import InlinePool
from tasks.runtime.resources import Resources
from tasks.runtime.threads import VARIABLES, fixed_threads
from tasks.runtime.worker import Job

CHECKOUT = Path(__file__).parents[2]


def look(_: object, *, target: str, on_step) -> None:
    libraries = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
    publish_json(target, {"torch": torch.get_num_threads(), "libraries": libraries})


@pytest.mark.parametrize("threads", [1, 2])
def test_a_job_in_this_process_has_them(threads: int, context_config, splits, watcher, tmp_path: Path) -> None:
    before = torch.get_num_threads(), {name: os.environ.get(name) for name in VARIABLES}
    pool = InlinePool(context_config(resources=Resources(threads=threads)), splits, watcher)
    (ref,) = pool.carry_out("look", [Job(work=look, arguments=(), target=str(tmp_path / "seen.json"), label="look")])
    seen = read_json(ref.path)
    assert seen["torch"] == threads
    assert seen["libraries"]
    assert set(seen["libraries"]) == {threads}
    assert (torch.get_num_threads(), {name: os.environ.get(name) for name in VARIABLES}) == before


ASKED = """
import os, sys, threading
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
import numpy, torch, threadpoolctl
from tasks.runtime.threads import fixed_threads
def sums():
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(300, 2000, generator=draw) for _ in range(2))
    return (a.sum().item(), (a @ b.T).square().sum().item(), float(numpy.linalg.norm(a.numpy() @ b.numpy().T)))
with fixed_threads(1):
    inner = []
    thread = threading.Thread(target=lambda: inner.append((torch.get_num_threads(), sums())))
    thread.start(); thread.join()
    print((torch.get_num_threads(), sums()) == inner[0], torch.get_num_threads(), *map(float.hex, sums()))
"""


def test_sums_do_not_depend_on_the_cores() -> None:
    """Neither do those of another thread of the process, where OpenMP counts its threads anew."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    said = {
        subprocess.run(
            [sys.executable, "-c", ASKED, str(cores)],
            env=kept | {"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for cores in (1, 2)
    }
    assert len(said) == 1
    assert said.pop().startswith("True 1 ")


def test_blocks_may_be_nested() -> None:
    outside = torch.get_num_threads()
    with fixed_threads(2), fixed_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == outside
