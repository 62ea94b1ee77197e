"""Ray's own start and end, in processes of their own: what it writes where, and what it says when it is not there."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.runtime.cluster import ClusterError, Share, Waiting, connected, one_ray, share, waiting
from tasks.runtime.resources import Resources

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("resources", "available", "jobs", "granted"),
    [
        (Resources(), {"CPU": 8.0}, 3, Share(3, 0.0, 1)),
        (Resources(), {"CPU": 2.0}, 200, Share(2, 0.0, 1)),
        (Resources(actors=1), {"CPU": 8.0}, 5, Share(1, 0.0, 1)),
        (Resources(threads=2), {"CPU": 8.0}, 5, Share(4, 0.0, 2)),
        (Resources(threads=4), {"CPU": 2.0}, 5, Share(1, 0.0, 2)),
        (Resources(threads=4), {"CPU": 8.0, "GPU": 2.0}, 9, Share(2, 0.5, 4)),
        (Resources(), {"CPU": 16.0, "GPU": 1.0}, 9, Share(2, 0.5, 1)),
        (Resources(gpu_share=0.25), {"CPU": 2.0, "GPU": 1.0}, 9, Share(2, 0.25, 1)),
        (Resources(device="cpu"), {"CPU": 4.0, "GPU": 1.0}, 9, Share(4, 0.0, 1)),
        (Resources(gpu_share=0.0), {"CPU": 4.0, "GPU": 1.0}, 9, Share(4, 0.0, 1)),
        (Resources(gpu_share=1.0, actors=9), {"CPU": 4.0, "GPU": 3.0}, 9, Share(3, 1.0, 1)),
    ],
)
def test_shares(resources: Resources, available: dict[str, float], jobs: int, granted: Share) -> None:
    assert share(resources, available, jobs) == granted


def test_what_cannot_be_granted() -> None:
    with pytest.raises(ClusterError, match="Ray has no GPU") as raised:
        share(Resources(device="cuda"), {"CPU": 4.0}, 1)
    assert "resources.device=auto" in raised.value.remedy
    with pytest.raises(ClusterError, match="needs 2"):
        share(Resources(gpu_share=2.0), {"CPU": 4.0, "GPU": 1.0}, 1)


def python(script: str, *arguments: Path, **variables: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {**kept, "PYTHONPATH": str(CHECKOUT), **variables}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "nowhere.invalid:6379"])
def test_an_address_where_nobody_answers(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = address.format(port=unused_port())
    monkeypatch.setenv("RAY_ADDRESS", address)
    began = time.monotonic()
    with pytest.raises(ClusterError) as raised, connected(tmp_path / "home"):
        pass
    assert f"Ray at '{address}' could not be reached" in raised.value.problem
    assert "unset RAY_ADDRESS" in raised.value.remedy
    assert time.monotonic() - began < 50  # Ray itself would try for longer than a minute
    assert not (tmp_path / "home").exists()


def test_a_ray_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that is too busy: Ray gives up with a bare exception, and nothing of it stays below the home."""

    def init(**options):
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ClusterError) as raised, connected(tmp_path):
        pass
    assert "timed out during startup" in raised.value.problem
    assert "run the command again" in raised.value.remedy
    assert list((tmp_path / "ray").iterdir()) == []


def test_one_ray_for_all_that_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts with the first that connects, ends with the block or when told to, and then may start again."""
    told: list[str] = []
    monkeypatch.setattr("ray.init", lambda **options: told.append("init"))
    monkeypatch.setattr("ray.shutdown", lambda: told.append("shutdown"))
    monkeypatch.setattr("ray.cluster_resources", dict)
    monkeypatch.setattr("ray.is_initialized", lambda: told[-1:] == ["init"])
    with one_ray() as end:
        assert told == []
        assert waiting() is None
        for _ in range(2):
            with connected(tmp_path):
                assert told == ["init"]
            left = waiting()
            assert left is not None
            left.boards.append("of the study before")
        assert left.boards == ["of the study before"] * 2
        end()
        assert told == ["init", "shutdown"]
        assert waiting() is None
        with connected(tmp_path):
            assert list((tmp_path / "ray").iterdir())
            assert waiting() == Waiting()  # nothing that lived in the Ray before
    assert told == ["init", "shutdown"] * 2
    assert list((tmp_path / "ray").iterdir()) == []
    with connected(tmp_path):
        assert waiting() is None
    assert told == ["init", "shutdown"] * 3


def test_nothing_is_left_in_a_ray_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stay there, with its share of a GPU, when the night is over."""
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.cluster_resources", dict)
    with one_ray(), connected(tmp_path):
        assert waiting() is None


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


ROUND = """
import json, os, pathlib, sys
from tasks.runtime.cluster import LINKS, connected
import ray
home = pathlib.Path(sys.argv[1])
before = set(LINKS.glob("ws-*"))
with connected(home) as resources:
    @ray.remote
    def double(number):
        return 2 * number
    inside = [path.name for path in (home / "ray").iterdir()]
    print(json.dumps([ray.get(double.remote(21)), resources.get("CPU"), inside, os.getpid()]))
    ours = [link for link in set(LINKS.glob("ws-*")) - before if str(home) in str(link.resolve())]
print(len(ours), any(link.is_symlink() for link in ours), list((home / "ray").iterdir()), ray.is_initialized())
"""


@pytest.mark.stack
def test_a_private_ray_below_a_very_long_path(tmp_path: Path) -> None:
    """Nothing is written elsewhere, not even where this user's or the system's files usually go."""
    home, elsewhere = tmp_path / ("long" * 40) / "home", tmp_path / "elsewhere"
    left = home / "ray" / "999999999"  # of a process that was killed
    left.mkdir(parents=True)
    elsewhere.mkdir()
    said = python(ROUND, home, HOME=str(elsewhere), TMPDIR=str(elsewhere)).splitlines()
    doubled, cpus, inside, process = json.loads(said[0])
    assert doubled == 42
    assert cpus == len(os.sched_getaffinity(0))
    assert inside == [str(process)]
    assert said[1] == "1 False [] False"
    assert list(elsewhere.iterdir()) == []
