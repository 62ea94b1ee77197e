"""The nightly: every study whose preset takes part, one after the other, in one folder with one report."""

import contextlib
import dataclasses
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from prefect import flow

from flows.announcements import announce
from flows.deployments import FLOWS
from flows.failures import TRACEBACK, discard, expected, record
from flows.prefect_home import end_orphans
from flows.publish import report
from flows.runner import RunOptions, common_keys, open_run, point_latest, stored_json
from flows.runner import rotating as rotating_key
from flows.studies import STUDIES, Study, as_json, resolve
from flows.studies.common import FIXED_SEED
from methods.errors import BadSetting, WeightsmithError
from storage.formats import publish_json
from storage.lock import home_lock
from tasks.runtime.cluster import one_ray
from tasks.runtime.run import Run, digest

ROTATING_SEED = 1
"""Of a night started by hand, which is to give the same numbers on every day; a scheduled one passes `date`."""
ORDER = "night.json"
"""How a night was started, beside its `config.json`."""


@dataclasses.dataclass(eq=False, kw_only=True)
class NightFailed(WeightsmithError):
    """Studies of a night failed; its folder has a summary and a report of all of them."""

    folder: str


@flow(name="nightly")
def nightly(
    preset: str = "digits",
    settings: dict[str, list[str]] | None = None,
    seed: int | Literal["date"] = ROTATING_SEED,
    options: RunOptions = RunOptions(fresh=True),
) -> str:
    """Runs the studies that have `preset`; returns the folder. A study that fails does not stop the others.

    settings: per study, changes as `path.to.field=value`. seed: of what rotates; `date` is today's as a number.
    Called again after an interruption, with the same parameters and code, it resumes the night that was interrupted.
    """
    started = datetime.now(UTC)
    rotating = rotating_seed(started) if seed == "date" else seed
    studies = tonight(preset, settings or {}, rotating)
    home = options.folder
    first = next(iter(studies.values()))
    with home_lock(home):
        end_orphans(home)
        run_id = unfinished_night(home, preset, studies, options) or night_id(started, preset, studies)
        run = Run(home=str(home), run_id=run_id, preset=preset, seed=first.seed)
        publish_json(run.folder / ORDER, asked(run, options, rotating))
        publish_json(run.folder / "config.json", configurations(studies))  # the night can be resumed from here on
        options = dataclasses.replace(options, parent=run_id, rotating_seed=rotating)
        done = run_studies(studies, run, options)
        seconds = {name: each["seconds"] for name, each in done.items()}
        summary = common_keys(run, first, started, seconds) | {"study": "nightly", "studies": done}
        publish_json(run.folder / "summary.json", summary | rotating_key(options))
        point_latest(run)
        report(str(run.folder), redraw=False)
    if failed := [name for name, each in done.items() if each["state"] == "failed"]:
        raise NightFailed(
            folder=str(run.folder),
            problem=f"the nightly's {', '.join(failed)} failed; the others are complete",
            remedy=f"read {Path(run.folder) / 'report.html'}",
        )
    return str(run.folder)


def run_studies(studies: dict[str, Study], run: Run, options: RunOptions) -> dict[str, dict[str, Any]]:
    """Path, seconds and state of each. Whatever ends one of them, the others run."""
    done: dict[str, dict[str, Any]] = {}
    with one_ray() as end_ray:
        for name, study in studies.items():
            began, state = time.monotonic(), "completed"
            if (seconds := completed(run.folder / name, study)) is not None:
                announce(f"{name}: completed before the interruption", logging.INFO)
                done[name] = {"path": name, "seconds": seconds, "state": state}
                continue
            try:
                discard(run.folder / name)
                FLOWS[name](study, options)
            except Exception as error:
                state = "failed"
                announce(f"{name} failed: {expected(error, run.folder / name).problem}; {_rest(name, studies)}")
                keep_failure(run.folder / name, study, options, error)
                with contextlib.suppress(Exception):
                    end_ray()  # the next study does not depend on what this one left of it
            done[name] = {"path": name, "seconds": round(time.monotonic() - began, 3), "state": state}
        with contextlib.suppress(Exception):
            end_ray()  # a Ray that ends badly changes nothing of what is done
    return done


def keep_failure(folder: Path, study: Study, options: RunOptions, error: Exception) -> None:
    """What the study itself has not recorded: an error before it could, or one after its end."""
    if (folder / TRACEBACK).exists():
        return
    started = datetime.now(UTC)
    record(
        folder,
        error,
        lambda: common_keys(open_run(study, options, started), study, started, {}) | rotating_key(options),
    )


def _rest(name: str, studies: dict[str, Study]) -> str:
    left = list(studies)[list(studies).index(name) + 1 :]
    return f"next: {left[0]}" if left else "it was the last one"


def completed(folder: Path, study: Study) -> float | None:
    """How long this study took, if an interrupted night completed it in `folder`, report included."""
    summary, config = stored_json(folder / "summary.json"), stored_json(folder / "config.json")
    whole = config == as_json(study) and (folder / "report.html").is_file()
    return float(summary["seconds"]) if whole and summary and summary.get("state") == "completed" else None


def unfinished_night(home: Path, preset: str, studies: dict[str, Study], options: RunOptions) -> str | None:
    """The newest night of the same studies, asked for in the same way, that has no summary yet."""
    for path in sorted(home.glob(f"runs/*-nightly-{preset}-*/config.json"), reverse=True):
        folder = path.parent
        if (folder / "summary.json").exists() or stored_json(path) != configurations(studies):
            continue
        run = Run(home=str(home), run_id=folder.name, preset=preset, seed=0)
        was = stored_json(folder / ORDER)
        if was and was == asked(run, options, was.get("rotating_seed")):
            return folder.name
    return None


def asked(run: Run, options: RunOptions, rotating: int) -> dict[str, Any]:
    """What must be equal, besides the configurations, for one night to go on with another's studies."""
    return {"fresh": options.fresh, "rotating_seed": rotating, "key": run.product_key("night")}


def configurations(studies: dict[str, Study]) -> dict[str, Any]:
    return {name: as_json(study) for name, study in studies.items()}


def night_id(started: datetime, preset: str, studies: dict[str, Study]) -> str:
    return f"{started:%Y%m%d-%H%M%S}-nightly-{preset}-{digest(configurations(studies))[:4]}"


def tonight(preset: str, settings: dict[str, list[str]], rotating: int) -> dict[str, Study]:
    """The studies that take part, with the seeds of a night whose rotating seed is `rotating`. Raises `BadSetting`."""
    if rotating == FIXED_SEED:
        raise BadSetting(
            problem=f"the rotating seed of a night is {rotating}, which is the fixed one",
            remedy="give another, or `date`",
        )
    nightly = {name: kind for name, kind in STUDIES.items() if kind.configuration.networks_a_night}
    taking_part = [name for name, kind in nightly.items() if preset in kind.preset_functions()]
    if not taking_part:
        taking_part = list(STUDIES)[:1]  # resolving it says which presets there are
    return {name: resolve(name, preset, settings.get(name, ())).tonight(rotating) for name in taking_part}


def rotating_seed(moment: datetime) -> int:
    """The date as a number, 20260131."""
    return int(f"{moment:%Y%m%d}")
