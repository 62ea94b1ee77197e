import json
import os
import socket
import sqlite3
import traceback
from functools import partial
from pathlib import Path

import pytest

from flows.publish import children as children_of
from methods.errors import BadData
from storage.tracking.runs import TrackingFailed, log_run, shown_uri, ui_command
from storage.tracking.values import batches, by_role, metrics, parameters

pytestmark = pytest.mark.stack


logged = partial(log_run, children=children_of)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return tmp_path / "home"


@pytest.fixture
def folder(home, write_run, run_files):
    folder = write_run(home / "runs" / "run-1", run_files)
    (folder / "figures").mkdir()
    (folder / "figures" / "accuracies.png").write_bytes(b"png")
    (folder / "report.html").write_text("<p>page")
    return folder


def client_of(home):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{home}/mlflow/mlflow.db")


def active_runs(home):
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as database:
        query = "select count(*) from runs where lifecycle_stage = 'active'"
        return database.execute(query).fetchone()[0]


def test_a_run_is_logged_whole(home, folder, run_files):
    summary = run_files["summary"]
    run_id = logged(folder, home=home, nightly="night-1")
    client = client_of(home)
    run = client.get_run(run_id)
    assert client.get_experiment(run.info.experiment_id).name == "parameter_diffusion"
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 12_500
    tags = run.data.tags
    assert (tags["run_id"], tags["preset"], tags["nightly"]) == ("run-1", "smoke", "night-1")
    assert (tags["commit"], tags["dirty"]) == ("0f" * 20, "False")
    assert run.data.params == {
        "network.kind": "conv_net",
        "network.channels": "[8, 16]",
        "samples": "12",
        "seeds": "[0]",
        "root": "null",
    }
    assert run.data.metrics["generated/latent_ddpm/best"] == summary["generated"]["latent_ddpm"]["best"]
    assert run.data.metrics["differences/gaussian/ci95/low"] == summary["differences"]["gaussian"]["ci95"][0]
    assert run.data.metrics["gates/reconstruction/passed"] == 1.0
    curve = client.get_metric_history(run_id, "curve/denoiser/seed 0")
    assert [(point.step, point.value) for point in curve] == [(step, 2.0**-step) for step in range(30)]
    data = run.inputs.dataset_inputs[0].dataset
    assert (data.name, data.digest) == ("digits", ("d1" * 32)[:36])
    assert {item.path for item in client.list_artifacts(run_id)} == {
        "figures",
        "config.json",
        "summary.json",
        "report.html",
    }
    assert [item.path for item in client.list_artifacts(run_id, "figures")] == ["figures/accuracies.png"]


def test_each_set_of_models_is_a_child(home, folder, run_files):
    summary = run_files["summary"]
    run_id = logged(folder, home=home, nightly=None)
    client = client_of(home)
    experiment = client.get_run(run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    by_name = {child.data.params["generator"]: child for child in children}
    assert set(by_name) == {"original", "latent_ddpm", "noise_0.05", "gaussian", "mean"}
    child = by_name["gaussian"]
    numbers = summary["generated"]["gaussian"]
    for key in ("n", "mean", "median", "best", "worst", "std"):
        assert child.data.metrics[key] == numbers[key]
    assert child.data.metrics["difference"] == summary["differences"]["gaussian"]["difference"]
    history = client.get_metric_history(child.info.run_id, "accuracy")
    assert [point.value for point in sorted(history, key=lambda p: p.step)] == numbers["accuracies"]
    table = json.loads(Path(client.download_artifacts(child.info.run_id, "accuracies.json")).read_text())
    column = table["columns"].index("test_accuracy")
    assert [row[column] for row in table["data"]] == numbers["accuracies"]


def test_the_same_folder_is_logged_once(home, folder):
    first = logged(folder, home=home, nightly=None)
    count = active_runs(home)
    assert logged(folder, home=home, nightly=None) == first
    assert active_runs(home) == count


def test_a_resumed_run_replaces_its_failed_entry(home, folder, run_files):
    failed = {**run_files["summary"], "state": "failed", "error": "gate"}
    (folder / "summary.json").write_text(json.dumps(failed))
    first = logged(folder, home=home, nightly=None)
    assert client_of(home).get_run(first).info.status == "FAILED"
    (folder / "summary.json").write_text(json.dumps(run_files["summary"]))
    second = logged(folder, home=home, nightly=None)
    assert second != first
    assert client_of(home).get_run(first).info.lifecycle_stage == "deleted"
    assert active_runs(home) == 6  # one run, five sets of models


def test_an_interrupted_entry_is_made_anew(home, folder):
    first = logged(folder, home=home, nightly=None)
    client_of(home).update_run(first, status="RUNNING")
    assert logged(folder, home=home, nightly=None) != first
    assert active_runs(home) == 6


def test_nothing_is_written_outside_home(home, folder):
    before = {path for path in home.rglob("*") if path.is_file()}
    logged(folder, home=home, nightly=None)
    assert list(Path.cwd().iterdir()) == []
    assert {path.name for path in home.iterdir()} == {"runs", "mlflow"}
    assert {path.name for path in (home / "mlflow").iterdir()} == {"mlflow.db", "artifacts"}
    assert {path for path in (home / "runs").rglob("*") if path.is_file()} == before
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_an_absent_server_is_said_and_the_folder_stays(home, folder, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound, not listening: refuses
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(TrackingFailed, match=address):
            logged(folder, home=home, nightly=None)
    assert (folder / "report.html").is_file()
    assert not (home / "mlflow").exists()


def test_the_password_of_a_tracking_server_is_never_said(home, folder, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:s3cret@127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(TrackingFailed) as caught:
            logged(folder, home=home, nightly=None)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert "://***@127.0.0.1" in caught.value.problem


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:s3cret@host:5000/api", "http://***@host:5000/api"),
        ("at postgresql+psycopg2://me:p@ss@db/x and s3://k:v@b", "at postgresql+psycopg2://***@db/x and s3://***@b"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("https://host/a@b write to me@host", "https://host/a@b write to me@host"),
    ],
)
def test_uris_are_shown_without_credentials(text, shown):
    assert shown_uri(text) == shown


def test_a_failed_run_is_logged_with_its_error(home, folder, run_files):
    failed = {**run_files["summary"], "state": "failed", "error": "OSError: http://me:s3cret@host\n" + "x" * 5000}
    for key in ("original", "generated", "differences", "selection", "per_seed", "paired", "audit"):
        failed.pop(key, None)
    (folder / "summary.json").write_text(json.dumps(failed))
    run = client_of(home).get_run(logged(folder, home=home, nightly="night-1"))
    assert run.info.status == "FAILED"
    assert run.data.tags["error"].startswith("OSError: http://***@host")
    assert active_runs(home) == 1


def test_the_rotating_seed_has_one_name_in_every_night(home, folder, run_files):
    summary = run_files["summary"]
    mean = summary["generated"]["gaussian"]["mean"]
    summary["per_seed"]["20260131"] = {"generated": {"gaussian": {"mean": 0.5}}}
    (folder / "summary.json").write_text(json.dumps(summary | {"rotating_seed": 20260131}))
    data = client_of(home).get_run(logged(folder, home=home, nightly="night-1")).data
    assert data.metrics["per_seed/0/generated/gaussian/mean"] == mean
    assert data.metrics["per_seed/rotating/generated/gaussian/mean"] == 0.5
    assert data.tags["rotating_seed"] == "20260131"
    assert not [name for name in data.metrics if "20260131" in name]
    assert by_role(summary)["per_seed"].keys() == {"0", "20260131"}  # outside of a night nothing rotates


def test_the_caution_of_a_preset_is_a_tag(home, folder):
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"caution": "Its numbers mean nothing."}))
    run_id = logged(folder, home=home, nightly=None)
    assert client_of(home).get_run(run_id).data.tags["caution"] == "Its numbers mean nothing."


def test_a_folder_without_a_run_is_refused(home, tmp_path):
    with pytest.raises(BadData, match="nothing to log"):
        logged(tmp_path, home=home, nightly=None)


def test_more_parameters_and_points_than_one_request_takes(home, folder, run_files):
    (folder / "config.json").write_text(json.dumps({f"key_{i}": "x" * 7000 for i in range(230)}))
    line = {"label": "a", "x": [i / 2 for i in range(2500)], "y": [1.0] * 2500, "x_label": "epoch", "y_label": "loss"}
    (folder / "details.json").write_text(json.dumps({"curves": {"odd(name)": [line]}}))
    run_id = logged(folder, home=home, nightly=None)
    run = client_of(home).get_run(run_id)
    assert len(run.data.params) == 230
    assert set(map(len, run.data.params.values())) == {6000}
    history = client_of(home).get_metric_history(run_id, "curve/odd_name_/a")
    assert sorted(point.step for point in history) == list(range(2500))  # half epochs are counted


def test_the_pages_are_served_from_home(home, monkeypatch):
    command, environment = ui_command(home, 5123)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{home}/mlflow/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://user:secret@host/mlflow")
    assert "secret" not in " ".join(ui_command(home, 5123)[0])  # other users can read it
    assert command[command.index("--port") + 1] == "5123"
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_flat_names():
    assert parameters({"a": {"b": {"c": [1, None]}}, "e": {}, "f": True}) == {
        "a.b.c": "[1, null]",
        "e": "{}",
        "f": "true",
    }
    nested = {"a": {"mean": 0.5, "ci95": [0.4, 0.6], "accuracies": [0.5], "verdict": "x", "nan": float("nan")}}
    assert metrics(nested) == [("a/mean", 0.5, 0), ("a/ci95/low", 0.4, 0), ("a/ci95/high", 0.6, 0)]
    assert list(batches(range(5), 2)) == [range(2), range(2, 4), range(4, 5)]
