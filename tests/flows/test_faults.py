"""What a run survives, and what it says where it cannot go on."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from storage.lock import home_lock
from storage.scores import read_scores
from storage.snapshot_set import SnapshotSet
from storage.verification import verify
from tasks.generation.generators import NOISE_MATCHED, LatentDdpm, sampled_names

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]

GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


def products(home: Path) -> dict[Path, tuple[int, int]]:
    """Committed files by inode and time of change. `entry.json` is written again, with equal bytes, by every run."""
    found = (path for path in (home / "store").rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found if path.name != "entry.json"}


def runs(home: Path) -> list[str]:
    return [path.name for path in (home / "runs").iterdir() if not path.is_symlink()]


def servers(home: Path) -> list[psutil.Process]:
    """Temporary Prefect servers of this home."""
    return [each for each in psutil.process_iter() if "prefect.server" in command(each) and belongs(each, home)]


def ray_processes(run: psutil.Process) -> list[psutil.Process]:
    """The store, the scheduler, the workers: all that Ray has started for this run."""
    return [each for each in run.children(recursive=True) if "ray" in command(each)]


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except GONE:
        return ""


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except GONE:
        return False


def belongs(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get("PREFECT_HOME") == str(home / "prefect")
    except GONE:
        return False


def complaint(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one message of a command that failed as it should."""
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.count("error: ") == 1
    return done.stdout.partition("error: ")[2]


def test_killed_runs_go_on_where_they_were(alone, tmp_path: Path, until: Callable[..., None]) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    options = ["flows", *alone.study(home, seeds="[0, 1]", resources__actors="1", strategy__then__epochs="60")]
    committed: dict[Path, tuple[int, int]] = {}
    orphans: list[psutil.Process] = []
    for milestone in ("snapshots/*/parts/seed-0.json", "scores/*.parquet"):
        run = alone.start(*options, log=log)
        until(lambda glob=milestone: list((home / "store").glob(glob)), 400, log.read_text, run)
        ray = ray_processes(run)
        run.kill()
        run.wait()
        assert ray
        assert committed.items() <= products(home).items()
        committed = products(home)
        assert not list((home / "runs").glob("*/summary.json"))
        assert len(runs(home)) == 1
        left = servers(home)
        assert left
        assert not set(orphans) & set(left)
        orphans += left
        until(
            lambda here=ray: not any(alive(each) for each in here),
            150,
            lambda here=ray: f"Ray outlives its run: {[command(each) for each in here if alive(each)]}",
        )
    before = runs(home)
    run = alone.start(*options, log=log)
    assert run.wait() == 0, log.read_text()
    assert "committed earlier" in log.read_text()
    assert runs(home) == before
    assert committed.items() <= products(home).items()
    until(lambda: not any(alive(each) for each in orphans), 30, lambda: "servers of killed runs are still there")
    complete(home, home / "runs" / before[0], seeds=(0, 1))


def complete(home: Path, folder: Path, seeds: tuple[int, ...]) -> None:
    """Every row and every model is there, once."""
    (snapshots,) = (home / "store" / "snapshots").iterdir()
    report = verify(snapshots)
    report.raise_first()
    assert report.strays == ()
    scalars = SnapshotSet.open(snapshots).scalars()
    rows = Counter(zip(scalars["seed"].to_pylist(), scalars["step"].to_pylist(), strict=True))
    assert set(rows.values()) == {1}
    assert Counter(seed for seed, _ in rows) == dict.fromkeys(seeds, 12)
    scores = read_scores(sorted((home / "store" / "scores").glob("*.parquet")))
    sampled = [*sampled_names(LatentDdpm(), 1), NOISE_MATCHED]
    names = {"original": 12, **dict.fromkeys(sampled, 4), "mean": 1, "retrieve": 1}
    wanted = {(name, seed, index) for seed in seeds for name, count in names.items() for index in range(count)}
    found = list(zip(scores.generator.tolist(), scores.seed.tolist(), scores.index.tolist(), strict=True))
    assert len(found) == len(wanted)
    assert set(found) == wanted
    assert json.loads((folder / "summary.json").read_text())["state"] == "completed"


def test_one_run_at_a_time_in_a_home(prefect_server, tmp_path: Path) -> None:
    with home_lock(tmp_path / "home"):
        said = complaint(prefect_server.weightsmith(*prefect_server.study(tmp_path / "home")))
    assert f"in use by process {os.getpid()}" in said
    assert "--home" in said
    assert not (tmp_path / "home" / "runs").exists()


def test_a_run_that_cannot_go_on_leaves_a_report(prefect_server, copied: Path, finished) -> None:
    change = {"strategy__first__learning_rate": "1e9", "strategy__first__epochs": "3"}
    words = ("the loss of base training became", "lower the learning rate")
    said = complaint(prefect_server.weightsmith(*prefect_server.study(copied, **change)))
    for word in words:
        assert word in said
    folder = (copied / "runs" / "latest").resolve()
    assert folder.name != finished.folder.name
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert words[0] in summary["error"]
    assert words[0] in (folder / "report.html").read_text()
    assert words[0] in (folder / summary["traceback"]).read_text()


def test_a_generator_that_misses_a_gate_is_a_result(prefect_server, copied: Path, finished) -> None:
    change = {"generator__gates__latent_scale": "1.0000001"}
    done = prefect_server.weightsmith(*prefect_server.study(copied, **change))
    assert done.returncode == 0, done.stdout
    assert "The generator is unfit on seed 0: latent_scale" in " ".join(done.stdout.split())
    folder = (copied / "runs" / "latest").resolve()
    assert folder.name != finished.folder.name
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["state"] == "completed"
    assert summary["generated"]["latent_ddpm"]["unfit"]["gate"] == "latent_scale"
    assert summary["generated"]["gaussian"]["n"] == 4
    assert [name for name, gate in summary["gates"].items() if not gate["passed"]] == ["latent_scale"]
    assert "The generator is unfit on seed 0" in (folder / "report.html").read_text()


def test_damaged_shards_are_named_and_can_be_replaced(prefect_server, copied: Path) -> None:
    (shard,) = (copied / "store" / "snapshots").glob("*/shards/*.parquet")
    snapshots, whole = shard.parents[1], shard.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    # only the scores have to be computed again, and they need the rows
    for table in (copied / "store" / "scores").iterdir():
        table.unlink()
    for damaged in (whole[:-20], bytes(flipped)):
        shard.write_bytes(damaged)
        for options in (["verify", snapshots], prefect_server.study(copied)):
            said = complaint(prefect_server.weightsmith(*options))
            assert str(shard) in said
            assert "delete its part's file in parts/" in said
        assert not list((copied / "store" / "scores").iterdir())
    (snapshots / "parts" / "seed-0.json").unlink()
    done = prefect_server.weightsmith(*prefect_server.study(copied))
    assert done.returncode == 0, done.stdout
    complete(copied, (copied / "runs" / "latest").resolve(), seeds=(0,))


COMMAND = """
import json, pathlib, subprocess, sys
home = pathlib.Path(sys.argv[1])
done = subprocess.run(
    [sys.executable, "-m", "flows", *(part.replace("HOME", str(home)) for part in ARGUMENTS)],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT,
)
states = [json.loads(path.read_text())["error"] for path in home.glob("runs/latest/summary.json")]
print(json.dumps([done.returncode, done.stdout, states]))
"""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["ro"], ("/mount", "choose another home")),
        (["size=24m"], ("no space left to write", "/mount/store/base/", "finished files are kept")),
    ],
    ids=["read-only", "full"],
)
def test_a_home_that_takes_nothing(
    options: list[str], words: tuple[str, ...], prefect_server, on_mount: Callable[..., str]
) -> None:
    arguments = prefect_server.study(Path("HOME"), network__width="64", data__train_limit="20")
    script = f"ARGUMENTS = {arguments!r}\nENVIRONMENT = {prefect_server.environment!r}\n" + COMMAND
    code, output, errors = json.loads(on_mount(script, *options))
    assert code == 1, output
    assert "Traceback" not in output
    assert output.count("error: ") == 1
    for text in (output.partition("error: ")[2], *errors):
        for word in words:
            assert word in text
