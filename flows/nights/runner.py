"""Nights tried beforehand: those that a scheduler would start on a range of dates, side by side on the workers."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

from flows.delivery import send
from flows.nightly import tonight
from flows.nights.night_job import Night, NightContextConfig, run_night
from flows.nights.nights_progress import NightsProgress, nights_progress
from flows.nights.request import Nights
from flows.nights.summary import config_of, summarise_nights
from flows.progress import console
from flows.studies import Study, as_json
from flows.studies.parameter_diffusion import ParameterDiffusion
from storage.datasets import Splits
from storage.formats import publish_json, read_json
from storage.lock import home_lock
from tasks.runtime.cluster import one_ray
from tasks.runtime.pool import Job, WorkerLost, ray_pool
from tasks.runtime.run import digest, package_versions
from tasks.runtime.source_digest import summary_digest


def studies_of(wanted: Nights, day: date) -> dict[str, Study]:
    """The studies of one night, as the scheduler would start them; for fits alone without the fixed network, whose fit
    is the same on every date.
    """
    settings, rotating = {name: list(changes) for name, changes in wanted.settings.items()}, int(f"{day:%Y%m%d}")
    every = tonight(wanted.preset, settings, rotating)
    chosen = {name: every[name] for name in every if name in wanted.chosen}
    if wanted.fits_only:
        return {
            name: dataclasses.replace(cast(ParameterDiffusion, each), seeds=(rotating,))
            for name, each in chosen.items()
        }
    return chosen


def plan(wanted: Nights, home: Path) -> tuple[Path, list[Night]]:
    """The folder of the table, and the nights.

    Nights of the same code, packages and configuration lie in one folder, whatever the range of dates.
    """
    studies = {day: studies_of(wanted, day) for day in wanted.dates}
    settings = {name: list(changes) for name, changes in sorted(wanted.settings.items())}
    reference = tonight(wanted.preset, settings, 1)
    configurations = {name: as_json(study) for name, study in reference.items()}
    key = digest([configurations, wanted.fits_only, summary_digest(), package_versions()])[:6]
    kind = "-fits" if wanted.fits_only else ""
    some = f"-{'+'.join(next(iter(studies.values())))}" if wanted.studies else ""
    nights = home / "nights"
    group = nights / f"{wanted.preset}{kind}-{key}"
    folder = nights / f"{wanted.preset}-{wanted.first}-{wanted.count}{some}{kind}-{key}"
    return folder, [
        Night(
            date=str(day),
            preset=wanted.preset,
            home=str(group / str(day)),
            data_home=str(home),
            studies=studies[day],
            fits_only=wanted.fits_only,
            keep=wanted.keep,
        )
        for day in wanted.dates
    ]


def run_nights(wanted: Nights, home: Path) -> str:
    """Run what is missing of the nights, write their table and report, and log them; returns the folder.

    Completed nights are kept, an interrupted one continues, one with a failed study is tried again.
    """
    started = datetime.now(UTC)
    wanted.check()
    folder, nights = plan(wanted, home)
    (home / "nights").mkdir(parents=True, exist_ok=True)
    with home_lock(home / "nights"):
        publish_json(folder / "config.json", config_of(wanted.first, wanted.count, nights))
        for night in nights:
            if night.target.is_file() and read_json(night.target)["state"] == "failed":
                night.target.unlink()
        console.print(f"[bold]nights {wanted.preset}[/] {len(nights)} from {wanted.first}", highlight=False)
        with nights_progress(len(nights), console) as progress:
            lost = carry_out(nights, progress, home)
        records = [lost.get(night.date) or read_json(night.target) for night in nights]
        summarise_nights(folder, nights, records, started)
    send(folder, home)
    return str(folder)


def carry_out(nights: Sequence[Night], progress: NightsProgress, home: Path) -> dict[str, dict[str, Any]]:
    """Run nights until each has ended; returns records of those whose worker process died again and again."""
    lost: dict[str, dict[str, Any]] = {}
    context_config = NightContextConfig(resources=next(iter(nights[0].studies.values())).resources)
    jobs = {
        night.date: Job(work=run_night, arguments=(night,), target=str(night.target), label=night.date)
        for night in nights
    }
    no_splits = cast(Splits, None)  # every study of a night loads its own images
    with one_ray() as end_ray:
        while True:
            waiting = [job for day, job in jobs.items() if day not in lost]
            try:
                with ray_pool(context_config, no_splits, progress, home) as pool:
                    pool.carry_out("nights", waiting)
                return lost
            except WorkerLost as error:
                if error.label not in jobs:
                    raise
                lost[error.label] = lost_record(next(each for each in nights if each.date == error.label), error)
                end_ray()


def lost_record(night: Night, error: WorkerLost) -> dict[str, Any]:
    """The record of a night that ended its worker process; it is not kept, so the same command tries it again."""
    states = {
        name: read_json(path) if (path := night.folder / name / "state.json").is_file() else None
        for name in night.studies
    }
    missing = {"state": "failed", "seconds": 0.0, "cpu_seconds": 0.0, "resumed": False, "error": error.problem}
    return {
        "date": night.date,
        "seed": night.seed,
        "state": "failed",
        "started": None,
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "environment": None,
        "studies": {name: each or missing | {"path": name} for name, each in states.items()},
    }
