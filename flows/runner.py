"""What surrounds every study: its run and folder, the lock on HOME, workers, progress, and what becomes of an error."""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.announcements import announce
from flows.caution import caution
from flows.delivery import send
from flows.failures import discard, record
from flows.home import home_folder
from flows.nights.claims import as_summary
from flows.prefect_home import end_orphans
from flows.progress import Display, console, displayed
from flows.publish import report
from flows.studies import Study, as_json
from storage import datasets, photographs
from storage.datasets import Splits
from storage.formats import publish_json
from storage.lock import home_lock
from storage.photographs import Photographs
from tasks.runtime.context import RunContext
from tasks.runtime.environment import environment
from tasks.runtime.pool import ray_pool
from tasks.runtime.ray_output import listen
from tasks.runtime.run import Run, digest
from tasks.runtime.threads import fixed_threads


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run a study, which decides none of its numbers.

    home: None stands for WEIGHTSMITH_HOME, or `.weightsmith`. fresh: nothing that earlier runs have committed is used.
    parent: run id of the nightly that this run belongs to. rotating_seed: which of its seeds that night has chosen.
    """

    home: str | None = None
    fresh: bool = False
    parent: str = ""
    rotating_seed: int | None = None

    @property
    def folder(self) -> Path:
        return home_folder(self.home)


@dataclasses.dataclass(slots=True)
class ActiveRun:
    """What a study works with while it runs."""

    context: RunContext
    study: Study
    display: Display
    started: datetime
    options: RunOptions

    def publish(self, summary: dict[str, Any], details: dict[str, Any]) -> str:
        """Writes the run's files and the report; returns the folder. They are sent when the study has ended."""
        folder = self.context.run.folder
        publish_json(folder / "details.json", details)
        summary |= {"claims": as_summary({self.study.study: summary})}
        publish_json(folder / "summary.json", self.common() | {"state": "completed", "error": None} | summary)
        point_latest(self.context.run)
        report(str(folder))
        return str(folder)

    def common(self) -> dict[str, Any]:
        return common_keys(self.context.run, self.study, self.started, self.display.seconds) | rotating(self.options)


def common_keys(run: Run, study: Study, started: datetime, stages: dict[str, float]) -> dict[str, Any]:
    """The keys that every summary has."""
    return {
        "study": study.study,
        "preset": study.preset,
        "caution": caution(study.preset),
        "run_id": run.run_id,
        "seed": study.seed,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
        "environment": environment(study.resources.torch_device(), study.resources.threads),
        "config_hash": digest(as_json(study)),
    }


def rotating(options: RunOptions) -> dict[str, Any]:
    """In the summaries of a night: which of its seeds is of this night only."""
    return {} if options.rotating_seed is None else {"rotating_seed": options.rotating_seed}


@contextlib.contextmanager
def study_run(study: Study, options: RunOptions) -> Iterator[ActiveRun]:
    """An active run of one study. An exception leaves a folder whose summary and report say what went wrong.

    Summary and report are final before the run is logged, completed or failed.
    """
    started = datetime.now(UTC)
    home = options.folder
    with contextlib.ExitStack() as stack:
        if not options.parent:
            stack.enter_context(home_lock(home))
            end_orphans(home)
        run = open_run(study, options, started)
        display = stack.enter_context(displayed(f"{study.study} {study.preset}"))
        discard(run.folder)
        publish_json(run.folder / "config.json", as_json(study))
        listen(announce)
        try:
            with display.stage("data", 1, 0):
                splits = loaded(study, home)
            stack.enter_context(fixed_threads(study.resources.threads))  # of what the driver computes itself
            pool = stack.enter_context(ray_pool(study.context_config, splits, display, home))
            context = RunContext(
                pool=pool,
                run=run.bound(splits.digest, study.context_config),
                splits=splits,
                context_config=study.context_config,
            )
            yield ActiveRun(context, study, display, started, options)
        except Exception as error:
            shown = record(
                run.folder, error, lambda: common_keys(run, study, started, display.seconds) | rotating(options)
            )
            with contextlib.suppress(OSError):
                point_latest(run)
            send(run.folder, home)
            if shown is error:
                raise
            raise shown from error
        send(run.folder, home)


def loaded(study: Study, home: Path) -> Splits:
    """The study's images; what became of photographs on the way is told."""
    if not isinstance(study.data, Photographs):
        return datasets.load(study.data, home=home)
    album = photographs.load(study.data)
    for remark in album.remarks:
        console.print(f"  {remark}", highlight=False)
    return album.splits


def open_run(study: Study, options: RunOptions, started: datetime) -> Run:
    """A new run, or the one of the same configuration that was interrupted (its folder has no summary yet)."""
    home = options.folder
    configuration = as_json(study)
    if options.parent:
        run_id = f"{options.parent}-{study.study}"
    else:
        run_id = (None if options.fresh else unfinished(home, configuration)) or new_run_id(study, started)
    salt = (options.parent or run_id) if options.fresh else ""
    return Run(home=str(home), run_id=run_id, preset=study.preset, seed=study.seed, salt=salt, parent=options.parent)


def new_run_id(study: Study, started: datetime) -> str:
    return f"{started:%Y%m%d-%H%M%S}-{study.study}-{study.preset}-{digest([as_json(study), time.time_ns()])[:4]}"


def unfinished(home: Path, configuration: dict[str, Any]) -> str | None:
    """Nobody else can be working on it: the lock on HOME is ours. What cannot be read is passed over."""
    for path in sorted(home.glob("runs/*/config.json"), reverse=True):
        if not (path.parent / "summary.json").exists() and stored_json(path) == configuration:
            return path.parent.name
    return None


def stored_json(path: Path) -> Any:
    """The content of a JSON file; None where there is none that can be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def point_latest(run: Run) -> None:
    """HOME/runs/latest leads to the newest run."""
    if run.parent:
        return
    link = Path(run.home) / "runs" / "latest"
    aside = link.with_name(f".latest-{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(run.run_id)
    aside.replace(link)
