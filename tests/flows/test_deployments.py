"""The deployments of prefect.yaml on a real server: scheduled by the cron, carried out by a worker."""

import json
import time
import urllib.request
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.studies import as_json, resolve

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

CHECKOUT = Path(__file__).parents[2]
STAGES = (
    *("train", "collect", "fit", "sample", "match", "sample", "evaluate", "audit"),
    *("summarise", "report", "track"),
)


@pytest.fixture(scope="module")
def deployed(prefect_server):
    """`prefect deploy --all` in the checkout, with nobody there to answer questions; returns a command line there."""
    line = type(prefect_server)(prefect_server.variables, CHECKOUT)
    before = (CHECKOUT / "prefect.yaml").read_bytes()
    for options in (("work-pool", "create", "weightsmith", "--type", "process"), ("--no-prompt", "deploy", "--all")):
        done = line.run("prefect", *options)
        assert done.returncode == 0, done.stdout
    assert (CHECKOUT / "prefect.yaml").read_bytes() == before
    yield line
    line.end()


def ask(line, path: str, question: dict[str, Any] | None = None) -> Any:
    """The answer of Prefect's API."""
    content = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(
        f"{line.variables['PREFECT_API_URL']}/{path}", content, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_every_night_at_two(deployed) -> None:
    nightly = ask(deployed, "deployments/name/nightly/nightly")
    assert nightly["entrypoint"] == "flows/nightly.py:nightly"
    assert nightly["parameters"] == {"preset": "digits", "seed": "date", "options": {"fresh": True}}
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert nightly["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    question = {"deployments": {"id": {"any_": [nightly["id"]]}}}
    deadline = time.monotonic() + 200
    while not (runs := ask(deployed, "flow_runs/filter", question)):
        assert time.monotonic() < deadline, "the scheduler made no run of the cron"
        time.sleep(1)
    times = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
    assert {run["state"]["type"] for run in runs} == {"SCHEDULED"}
    assert {(at.hour, at.minute, at.utcoffset().total_seconds()) for at in times} == {(2, 0, 0)}
    assert len({at.date() for at in times}) == len(times)


def test_a_worker_carries_out_a_study(deployed, tmp_path: Path) -> None:
    study = as_json(resolve("parameter_diffusion", "smoke", deployed.settings()))
    parameters = {"study": study, "options": {"home": str(tmp_path / "home")}}
    name = "parameter_diffusion/parameter-diffusion"
    done = deployed.run("prefect", "deployment", "run", name, "--params", json.dumps(parameters))
    assert done.returncode == 0, done.stdout
    done = deployed.run("prefect", "worker", "start", "--pool", "weightsmith", "--run-once")
    assert done.returncode == 0, done.stdout
    deployment = ask(deployed, f"deployments/name/{name}")
    (run,) = ask(deployed, "flow_runs/filter", {"deployments": {"id": {"any_": [deployment["id"]]}}})
    assert run["state"]["type"] == "COMPLETED", (run["state"], done.stdout)
    tasks = ask(deployed, "task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert Counter(task["name"].rpartition("-")[0] for task in tasks) == Counter(STAGES)
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    artifacts = ask(deployed, "artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {each["key"]: each["type"] for each in artifacts} == {
        "parameter-diffusion-progress": "progress",
        "parameter-diffusion-table": "markdown",
    }
    assert next(float(each["data"]) for each in artifacts if each["type"] == "progress") == 100
    summary = json.loads((tmp_path / "home" / "runs" / "latest" / "summary.json").read_text())
    assert summary["state"] == "completed"
    assert summary["generated"]["latent_ddpm"]["n"] == study["samples"]
