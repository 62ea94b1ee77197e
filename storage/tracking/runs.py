"""The comparison across runs: MLflow, filled from the files that a run left in its folder.

One experiment per study, one run per study run, one child run per set of models, attack, transplant or strategy.
Nothing here is needed to read a run: its folder is the record, and logging it again later gives the same entries.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.errors import BadData, WeightsmithError
from storage.tracking.children import Child
from storage.tracking.values import batches, by_role, curve_metrics, metrics, parameters

if TYPE_CHECKING:
    from mlflow import MlflowClient

LONGEST_ERROR = 1000
"""Characters of a tag; MLflow takes 5,000 bytes."""
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@")


@dataclasses.dataclass(eq=False, kw_only=True)
class TrackingFailed(WeightsmithError):
    """MLflow could not be reached or refused what was sent; the run's folder is complete without it."""


Children = Callable[[Mapping[str, Any]], Iterable[Child]]


def log_run(folder: Path, *, home: Path, nightly: str | None, children: Children = lambda _: ()) -> str:
    """Log the study run in `folder` and return MLflow's id of it. children: the child runs of a summary.

    The same folder logged again returns the run that is there; one that was interrupted, or whose summary has changed
    since (a resumed run), is replaced. Raises `BadData` if the folder holds no run, `TrackingFailed` within about a
    minute if the tracking server does not answer.
    """
    files = {name: folder / f"{name}.json" for name in ("summary", "config", "details")}
    if not files["summary"].is_file():
        raise BadData(
            problem=f"{folder} holds no summary.json, so there is nothing to log",
            remedy="pass the folder of a study run that has ended: HOME/runs/RUN_ID",
        )
    summary, config, details = (json.loads(f.read_text()) if f.is_file() else {} for f in files.values())
    digest = hashlib.sha256(files["summary"].read_bytes()).hexdigest()
    with _client(home) as client:
        experiment = _experiment(client, home, summary["study"])
        if logged := _logged(client, experiment, summary["run_id"], digest):
            return logged
        began = int(datetime.fromisoformat(summary["started"]).timestamp() * 1000)
        ended = began + int(summary["seconds"] * 1000)
        environment = summary["environment"]
        common = {"preset": summary["preset"], "nightly": nightly or "", "commit": str(environment.get("commit"))}
        # numbers of two runs can only be compared digit by digit where these are equal
        common |= {name: str(environment.get(name)) for name in ("device", "processor", "kernels")}
        tags = {"run_id": summary["run_id"], "summary_sha256": digest, "dirty": str(environment.get("dirty")), **common}
        if "rotating_seed" in summary:
            tags["rotating_seed"] = str(summary["rotating_seed"])
        if summary.get("caution"):
            tags["caution"] = summary["caution"]
        if summary.get("error"):
            tags["error"] = shown_uri(summary["error"])[:LONGEST_ERROR]
        run = client.create_run(experiment, start_time=began, tags=tags, run_name=summary["run_id"]).info.run_id
        _log_values(
            client, run, parameters(config), [*metrics(by_role(summary)), *curve_metrics(details.get("curves", {}))]
        )
        if "data" in summary:
            _log_data(client, run, summary["data"])
        for child in children(summary):
            tags = {"mlflow.parentRunId": run, child.kind: child.name, **common, **child.tags}
            entry = client.create_run(experiment, start_time=began, tags=tags, run_name=child.name).info.run_id
            _log_values(client, entry, {child.kind: child.name}, child.values)
            client.log_table(entry, dict(child.table), child.table_name)
            client.set_terminated(entry, end_time=ended)
        for path in (*sorted(folder.glob("figures/*.png")), files["config"], files["summary"], folder / "report.html"):
            if path.is_file():
                client.log_artifact(run, str(path), "figures" if path.suffix == ".png" else None)
        failed = summary.get("state") == "failed"
        client.set_terminated(run, status="FAILED" if failed else "FINISHED", end_time=ended)
    return run


def reach(home: Path) -> int:
    """How many experiments the tracking server or database holds. Raises `TrackingFailed` if it does not answer."""
    with _client(home) as client:
        return len(client.search_experiments())


def ui_command(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """The command line that serves MLflow's pages over HOME on this machine, in the foreground; and its environment.

    Other users of the machine can read a command line, so the URI, which may contain a password, is in the environment.
    """
    settings = {
        "MLFLOW_BACKEND_STORE_URI": tracking_uri(home),
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": (_root(home) / "artifacts").as_uri(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # without its job execution, which nothing here uses, the server is two processes instead of ten
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "server", *address], settings


def _root(home: Path) -> Path:
    return home.resolve() / "mlflow"


def tracking_uri(home: Path) -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, or the database below HOME."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_root(home) / 'mlflow.db'}"


def shown_uri(text: str) -> str:
    """`text` with `***` in place of user name and password in every URI: to be called before a URI is shown or kept."""
    return _CREDENTIALS.sub("***@", text)


def _settle_environment() -> None:
    """Has to stand before the first import of mlflow, which reads these once."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for chatty in ("mlflow.store.db.utils", "alembic"):  # every migration of a new database, line by line
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # MLflow's own defaults retry for minutes, at the end of a run whose results are on disk already.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


@contextlib.contextmanager
def _client(home: Path) -> Iterator["MlflowClient"]:
    _settle_environment()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = tracking_uri(home)
    if uri.startswith("sqlite:"):
        _root(home).mkdir(parents=True, exist_ok=True)
    try:
        yield MlflowClient(tracking_uri=uri)
    except (MlflowException, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        # without its cause, whose message and traceback may contain a password
        raise TrackingFailed(
            problem=shown_uri(f"MLflow at {uri} did not take the run: {said}"),
            remedy="the run's folder is complete; start or correct the tracking server (MLFLOW_TRACKING_URI), "
            "then send it with `weightsmith log`",
        ) from None


def _experiment(client: "MlflowClient", home: Path, study: str) -> str:
    if found := client.get_experiment_by_name(study):
        return found.experiment_id
    # A tracking server stores artifacts where it was told to; only a local database needs to hear of HOME.
    local = tracking_uri(home).startswith("sqlite:")
    location = (_root(home) / "artifacts" / study).as_uri() if local else None
    return client.create_experiment(study, artifact_location=location)


def _logged(client: "MlflowClient", experiment: str, run_id: str, digest: str) -> str | None:
    """The finished entry of exactly this summary; any other entry of the same run is removed on the way."""
    for run in client.search_runs([experiment], f"tags.run_id = '{run_id}'"):
        if run.info.status != "RUNNING" and run.data.tags["summary_sha256"] == digest:
            return run.info.run_id
        for child in client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'"):
            client.delete_run(child.info.run_id)
        client.delete_run(run.info.run_id)
    return None


def _log_values(
    client: "MlflowClient", run: str, params: Mapping[str, str], values: list[tuple[str, float, int]]
) -> None:
    from mlflow.entities import Metric, Param
    from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH

    now = int(datetime.now().timestamp() * 1000)
    written = [Param(key, value[:MAX_PARAM_VAL_LENGTH]) for key, value in params.items()]
    measured = [Metric(key, value, now, step) for key, value, step in values]
    for params_batch in batches(written, MAX_PARAMS_TAGS_PER_BATCH):
        client.log_batch(run, params=params_batch)
    for metrics_batch in batches(measured, MAX_METRICS_PER_BATCH):
        client.log_batch(run, metrics=metrics_batch)


def _log_data(client: "MlflowClient", run: str, data: Mapping[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.validation import MAX_DATASET_DIGEST_SIZE

    profile = {key: data[key] for key in ("train", "validation", "test", "classes", "shape") if key in data}
    dataset = Dataset(
        name=data["name"],
        digest=data["digest"][:MAX_DATASET_DIGEST_SIZE],
        source_type="local",
        source=json.dumps({"uri": data["name"]}),
        profile=json.dumps(profile),
    )
    context = [InputTag("mlflow.data.context", "train, validation, test")]
    client.log_inputs(run, datasets=[DatasetInput(dataset, context)])
