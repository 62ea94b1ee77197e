"""`weightsmith nights` on the real stack: side by side on workers, killed, resumed, reported and logged."""

import json
import signal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from mlflow.tracking import MlflowClient

from storage.tracking.runs import tracking_uri
from tests.flows.conftest import SMALL

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).parents[2]
SCHEMA = json.loads((CHECKOUT / "docs" / "summary.schema.json").read_text())
STUDY = "parameter_diffusion"
# the flow as the nightly starts it; on one core, so that each of its jobs has one thread
FLOW = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pathlib import Path
from flows.prefect_home import prepare
prepare(Path(sys.argv[1]))
from flows.nightly import FLOWS, tonight
from flows.runner import RunOptions
study = tonight("smoke", {"parameter_diffusion": sys.argv[3:]}, int(sys.argv[2]))["parameter_diffusion"]
print(FLOWS["parameter_diffusion"](study, RunOptions(home=sys.argv[1])))
"""


def committed(home: Path) -> dict[Path, int]:
    """Products by inode, without files that a kill left half-written; the commit of a set is written again."""
    found = (path for path in home.glob("nights/*/*/store/**/*") if path.is_file() and not path.name.startswith("."))
    return {path: path.stat().st_ino for path in found if path.name != "entry.json"}


def records(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in home.glob("nights/*/*/night-*.json")}


def test_nights_are_killed_and_resumed_and_have_the_numbers_of_the_flow(prefect_server, until, tmp_path: Path) -> None:
    home = tmp_path / "home"
    log = tmp_path / "log"
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{STUDY}.{name}={value}")]
    arguments = ["nights", "--from", "2025-03-01", "--count", "2", "--preset", "smoke", "--study", STUDY]
    arguments += [*settings, "--keep", "--home", str(home)]
    process = prefect_server.start("flows", *arguments, log=log)
    family = []

    def begun() -> bool:
        family[:] = process.children(recursive=True) if process.is_running() else family
        return any("fits" in path.parts for path in committed(home))

    until(begun, 600, lambda: log.read_text(), process)
    assert not records(home)
    for member in (process, *family):
        member.send_signal(signal.SIGKILL)
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in (process, *family)), 60, str)
    before = committed(home)
    done = prefect_server.weightsmith(*arguments)
    assert done.returncode == 0, done.stdout
    assert "2 of 2 nights completed" in " ".join(done.stdout.split())
    assert before.items() <= committed(home).items()  # an interrupted night goes on from what it had committed
    ended = records(home)
    assert len(ended) == 2
    (folder,) = home.glob("nights/smoke-2025-03-01-2-*")
    complete(home, folder)

    again = prefect_server.weightsmith(*arguments)
    assert again.returncode == 0, again.stdout
    assert records(home) == ended

    script = tmp_path / "flow.py"
    script.write_text(FLOW)
    changes = [f"{name}={value}" for name, value in SMALL.items()]
    ran = prefect_server.script(script, tmp_path / "alone", "20250302", *changes)
    assert ran.returncode == 0, ran.stdout
    alone = json.loads((Path(ran.stdout.strip().splitlines()[-1]) / "summary.json").read_text())
    (path,) = home.glob(f"nights/*/2025-03-02/runs/2025-03-02/{STUDY}/summary.json")
    tried = json.loads(path.read_text())
    for key in ("original", "generated", "per_seed", "gates", "claims"):
        assert tried[key] == alone[key], key


def complete(home: Path, folder: Path) -> None:
    """Summary, table of claims, page and entry in MLflow."""
    summary = json.loads((folder / "summary.json").read_text())
    assert list(Draft202012Validator(SCHEMA).iter_errors(summary)) == []
    assert summary["dates"] == ["2025-03-01", "2025-03-02"]
    assert [night["seed"] for night in summary["nights"]] == [20250301, 20250302]
    originals = summary["headlines"]["accuracy"]["originals"]
    assert originals["n"] == 2
    assert originals["worst"] <= originals["mean"] <= originals["best"]
    assert any(night["studies"][STUDY]["resumed"] for night in summary["nights"])
    brief = json.loads((folder / "nights.json").read_text())
    assert brief["completed"] == brief["studies"][STUDY]["completed"] == 2
    assert brief["studies"][STUDY]["claims"]["generated_mean"]["of"] == 2
    assert "generated_mean" in (folder / "report.html").read_text()
    client = MlflowClient(tracking_uri(home))
    experiment = client.get_experiment_by_name("nights")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics["headlines/accuracy/originals/mean"] == pytest.approx(originals["mean"])
    assert run.data.metrics["claims/generated_mean/of"] == 2


def test_a_night_that_fails_is_a_row_and_the_command_ends_with_1(prefect_server, tmp_path: Path) -> None:
    missing = ["--set", f"{STUDY}.data.source=folder:{tmp_path / 'nowhere'}"]
    home = tmp_path / "home"
    arguments = ["nights", "--from", "2025-03-01", "--count", "2", "--preset", "smoke", "--study", STUDY, *missing]
    done = prefect_server.weightsmith(*arguments, "--home", home)
    assert done.returncode == 1, done.stdout
    assert "0 of 2 nights completed" in done.stdout
    assert "no images to read" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout
    (folder,) = home.glob("nights/smoke-2025-03-01-2-*")
    summary = json.loads((folder / "summary.json").read_text())
    assert [night["state"] for night in summary["nights"]] == ["failed", "failed"]
    assert summary["claims"]["generated_mean"]["held"] == 0
    assert (folder / "report.html").is_file()
