"""A real night in which a worker is killed, a study meets a fault of the file system, and MLflow does not answer."""

import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mlflow.tracking import MlflowClient

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]

NIGHT = """
import sys
from pathlib import Path
from flows.prefect_home import prepare
home, small = sys.argv[1], sys.argv[2:]
prepare(Path(home))
from flows import nightly
whole = nightly.tonight
settings = {"parameter_diffusion": small, "image_protection": ["variants=[]", "transforms=[]", "images=1"]}
def two(preset, _, rotating):
    studies = whole(preset, settings, rotating)
    return {name: studies[name] for name in settings}
nightly.tonight = two
from flows.cli.main import main
main(["nightly", "--preset", "smoke", "--home", home])
"""
OF_RAY = ("(raylet)", "RayWorker.do", "OOM", "autoscaler", "RpcError", "Lease ID", "ray::", "Traceback", "pickl")
PASSWORD = "quokka-7431"


def busy_worker(run: psutil.Process) -> psutil.Process | None:
    """A worker process of this run that does a job."""
    for process in run.children(recursive=True):
        try:
            if "ray::RayWorker.do" in " ".join(process.cmdline()):
                return process
        except psutil.Error:
            continue
    return None


def test_a_night_of_faults(alone, tmp_path: Path, until: Callable[..., None]) -> None:
    home, log, script = tmp_path / "home", tmp_path / "log", tmp_path / "night.py"
    script.write_text(NIGHT)
    (home / "store").mkdir(parents=True)
    (home / "store" / "fits").symlink_to(tmp_path / "nowhere")  # the first study fails after it was trained
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        address = f"http://me:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}"
        line = type(alone)({**alone.variables, "MLFLOW_TRACKING_URI": address}, alone.folder, alone.started)
        small = line.settings(strategy__then__epochs="60", resources__actors="1")
        run = line.start_script(str(script), str(home), *small, log=log)
        found: list[psutil.Process] = []

        def working() -> bool:
            found[:] = filter(None, [busy_worker(run)])
            return bool(found)

        until(working, 400, log.read_text, run)
        found[0].kill()
        assert run.wait() == 1, log.read_text()
    said = log.read_text()
    assert not [sign for sign in (*OF_RAY, PASSWORD) if sign in said], said
    assert said.count("a worker process died") == 1, said
    assert said.count("error: ") == 1, said
    failed, after = said.index("parameter_diffusion failed: "), said.index("image_protection smoke")
    assert failed < after, said
    assert said.count("was not logged") == 2, said
    assert "completed" in said[after:]  # the table

    (folder,) = (path for path in (home / "runs").iterdir() if not path.is_symlink())
    summary = json.loads((folder / "summary.json").read_text())
    states = {name: each["state"] for name, each in summary["studies"].items()}
    assert states == {"parameter_diffusion": "failed", "image_protection": "completed"}
    assert "fits" in (folder / "parameter_diffusion" / "traceback.txt").read_text()
    assert "a worker process" not in (folder / "report.html").read_text()
    assert len(list((home / "outbox").glob("*.json"))) == 2
    written = [path for path in home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert written == []

    flow_states, logs = prefect_says(home)
    assert flow_states["nightly"] == flow_states["parameter_diffusion"] == "FAILED"
    assert flow_states["image_protection"] == "COMPLETED"
    assert any("parameter_diffusion failed: " in each for each in logs)

    done = alone.weightsmith("log", "--home", str(home))
    assert done.returncode == 0, done.stdout
    assert list((home / "outbox").glob("*.json")) == []
    client = MlflowClient(f"sqlite:///{home}/mlflow/mlflow.db")
    for name, status in {"parameter_diffusion": "FAILED", "image_protection": "FINISHED"}.items():
        experiment = client.get_experiment_by_name(name)
        runs = client.search_runs([experiment.experiment_id], f"tags.nightly = '{folder.name}'")
        assert status in {each.info.status for each in runs}


def prefect_says(home: Path) -> tuple[dict[str, str], list[str]]:
    """The last state of each flow's run, and what was logged, from the database of the temporary server."""
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        states = database.execute("select flow.name, flow_run.state_type from flow_run join flow on flow.id = flow_id")
        return dict(states.fetchall()), [each for (each,) in database.execute("select message from log")]
