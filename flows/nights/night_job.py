"""One night as one job: a worker goes through its studies, below a folder that it shares with no other night."""

import contextlib
import dataclasses
import json
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.nights.claims import as_summary
from flows.nights.fits import fit_alone
from flows.runner import common_keys, loaded
from flows.studies import STUDIES, Study, as_json
from flows.studies.spec import Body
from methods.errors import GateFailed, WeightsmithError
from methods.progress import OnStep
from storage.files import publish
from storage.formats import publish_json
from tasks.runtime.context import RunContext
from tasks.runtime.environment import environment
from tasks.runtime.pool import InlinePool
from tasks.runtime.resources import Resources
from tasks.runtime.run import Run
from tasks.runtime.threads import fixed_threads
from tasks.runtime.worker_cache import clear_worker_caches

PROGRESS = "studies"
"""The name under which a night reports how many of its studies are done."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What is run on one date.

    home: everything is written below it. data_home: where downloaded data sets lie, the same for all nights. fits_only:
    `fit_alone` in place of the whole study. keep: products stay also after a night without failures.
    """

    date: str
    preset: str
    home: str
    data_home: str
    studies: Mapping[str, Study]
    fits_only: bool = False
    keep: bool = False

    @property
    def folder(self) -> Path:
        """Of the studies' summaries and reports, as of a nightly."""
        return Path(self.home) / "runs" / self.date

    @property
    def seed(self) -> int:
        """The rotating one, as a scheduled nightly has it."""
        return int(self.date.replace("-", ""))

    @property
    def target(self) -> Path:
        """The record that is written once the night has ended."""
        return Path(self.home) / f"night-{'+'.join(self.studies)}.json"

    def run(self, study: str) -> Run:
        seed = self.studies[study].seed
        return Run(
            home=self.home, run_id=f"{self.date}-{study}", preset=self.preset, seed=seed, salt="", parent=self.date
        )

    def summary(self, study: str) -> Path:
        return self.folder / study / ("fits.json" if self.fits_only else "summary.json")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NightContextConfig:
    """What a worker opens for nights: nothing, as every study opens its own."""

    resources: Resources

    @property
    def reads(self) -> tuple[Resources]:
        return (self.resources,)

    def open(self, _splits: object) -> None:
        return None


class StageTimes:
    """A watcher inside a worker: keeps the seconds of each stage, and passes progress on to the worker's listener."""

    def __init__(self, study: str, on_step: OnStep) -> None:
        self.study, self.on_step = study, on_step
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        began = time.monotonic()
        self.on_step(f"{self.study} {name}", committed, max(jobs, 1))
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def __call__(self, stage: str, _label: str, done: int, total: int, /) -> None:
        self.on_step(f"{self.study} {stage}", done, total)


def run_night(_: object, night: Night, *, target: str, on_step: OnStep) -> None:
    """Run the studies of a night that have no completed summary yet; a study that fails does not stop the others."""
    started, began = datetime.now(UTC), time.monotonic()
    states: dict[str, dict[str, Any]] = {}
    for number, (name, study) in enumerate(night.studies.items()):
        on_step(PROGRESS, number, len(night.studies))
        states[name] = earlier(night, name) or run_study(night, name, study, on_step)
        clear_worker_caches()
    state = "failed" if any(each["state"] == "failed" for each in states.values()) else "completed"
    first = next(iter(night.studies.values()))
    record: dict[str, Any] = {
        "date": night.date,
        "seed": night.seed,
        "state": state,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 3),
        "cpu_seconds": round(sum(each["cpu_seconds"] for each in states.values()), 3),
        "environment": environment(first.resources.torch_device(), first.resources.threads),
        "studies": states,
    }
    if not night.fits_only:
        record["report_error"] = report_of(night, first, started, states, record["seconds"])
    if state == "completed" and not night.keep:
        shutil.rmtree(Path(night.home) / "store", ignore_errors=True)
    publish_json(target, record)
    on_step(PROGRESS, len(night.studies), len(night.studies))


def earlier(night: Night, name: str) -> dict[str, Any] | None:
    """What is recorded of a study that was completed before the night was interrupted."""
    path = night.folder / name / "state.json"
    found = json.loads(path.read_text()) if path.is_file() else None
    return found if found and found["state"] == "completed" and night.summary(name).is_file() else None


def run_study(night: Night, name: str, study: Study, on_step: OnStep) -> dict[str, Any]:
    """Run one study to its summary, also a failed one; returns its entry in the night's record."""
    started, cpu = datetime.now(UTC), time.process_time()
    run, times = night.run(name), StageTimes(name, on_step)
    resumed = (run.folder / "config.json").is_file()
    publish_json(run.folder / "config.json", as_json(study))
    body: Body = fit_alone if night.fits_only else STUDIES[name].body
    told: dict[str, Any]
    details: dict[str, Any] = {}
    try:
        with times.stage("data", 1, 0):
            splits = loaded(study, Path(night.data_home))
        bound = run.bound(splits.digest, study.context_config)
        with fixed_threads(study.resources.threads):
            pool = InlinePool(study.context_config, splits, times)
            context = RunContext(pool=pool, run=bound, splits=splits, context_config=study.context_config)
            summary, details = body(study, context)
        told = summary | {"state": "completed", "error": None}
    except Exception as error:  # whatever it is, the other studies and nights are not concerned
        told = failed(error)
        trace = traceback.format_exc()
        publish(run.folder / "traceback.txt", lambda path: path.write_text(trace, encoding="utf-8"))
    if not night.fits_only:
        told["claims"] = as_summary({name: told})
        publish_json(run.folder / "details.json", details)
    publish_json(night.summary(name), common_keys(run, study, started, times.seconds) | {"resumed": resumed} | told)
    record = {
        "path": name,
        "state": told["state"],
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "resumed": resumed,
        "error": told["error"],
    }
    publish_json(run.folder / "state.json", record)
    return record


def failed(error: Exception) -> dict[str, Any]:
    """The part of a summary that says why a study has no numbers."""
    expected = isinstance(error, WeightsmithError)
    problem = error.problem if isinstance(error, WeightsmithError) else f"{type(error).__name__}: {error}"
    told: dict[str, Any] = {"state": "failed", "error": str(error) if expected else problem}
    told["verdict"] = f"The run failed: {problem}"
    if isinstance(error, GateFailed):
        gate = {"value": error.value, "limit": error.limit, "passed": False, "meaning": error.problem}
        told["gates"] = {error.gate: gate}
    return told


def report_of(night: Night, first: Study, started: datetime, states: Mapping[str, Any], seconds: float) -> str | None:
    """Write the night's page as the nightly does. A page that cannot be drawn is said and takes no numbers away."""
    from flows.report.page import build

    run = Run(home=night.home, run_id=night.date, preset=night.preset, seed=night.seed)
    stages = {name: each["seconds"] for name, each in states.items()}
    summary = common_keys(run, first, started, stages) | {"study": "nightly", "studies": dict(states)}
    publish_json(run.folder / "summary.json", summary | {"seconds": seconds})
    try:
        build(run.folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
