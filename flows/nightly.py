"""The nightly: every study whose preset takes part, one after the other, in one folder with one report."""

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow

from flows.ablations import ablations
from flows.image_protection import image_protection
from flows.invertibility import invertibility
from flows.parameter_diffusion import parameter_diffusion
from flows.publish import report
from flows.robustness import robustness
from flows.running import Order, common_keys, point_latest
from flows.strategies import strategies
from flows.studies import KINDS, Study, as_json, resolve
from flows.transplant import transplant
from methods.errors import WeightsmithError
from storage.formats import publish_json
from storage.lock import home_lock
from tasks.cluster import one_ray
from tasks.run import Run, digest

FLOWS: dict[str, Callable[..., str]] = {
    "parameter_diffusion": parameter_diffusion,
    "ablations": ablations,
    "robustness": robustness,
    "transplant": transplant,
    "strategies": strategies,
    "image_protection": image_protection,
    "invertibility": invertibility,
}


@flow(name="nightly")
def nightly(
    preset: str = "digits",
    settings: dict[str, list[str]] | None = None,
    seed: int | None = None,
    order: Order = Order(fresh=True),
) -> str:
    """Runs the studies that have `preset`; returns the folder. A study that fails does not stop the others.

    settings: per study, changes as `path.to.field=value`. seed: in place of the one that rotates with the date.
    """
    started = datetime.now(UTC)
    studies = tonight(preset, settings or {}, rotating_seed(started) if seed is None else seed)
    home = order.folder
    key = digest({name: as_json(study) for name, study in studies.items()})[:4]
    run_id = f"{started:%Y%m%d-%H%M%S}-nightly-{preset}-{key}"
    first = next(iter(studies.values()))
    run = Run(home=str(home), run_id=run_id, preset=preset, seed=first.seed)
    done: dict[str, dict[str, Any]] = {}
    with home_lock(home):
        with one_ray() as end_ray:
            for name, study in studies.items():
                began = time.monotonic()
                state = "completed"
                try:
                    FLOWS[name](study, dataclasses.replace(order, parent=run_id))
                except WeightsmithError:
                    state = "failed"
                    end_ray()  # the next study does not depend on what this one left of it
                done[name] = {"path": name, "seconds": round(time.monotonic() - began, 3), "state": state}
        publish_json(run.folder / "config.json", {name: as_json(study) for name, study in studies.items()})
        seconds = {name: each["seconds"] for name, each in done.items()}
        summary = common_keys(run, first, started, seconds) | {"study": "nightly", "studies": done}
        publish_json(run.folder / "summary.json", summary)
        point_latest(run)
        report(str(run.folder), redraw=False)
    if failed := [name for name, each in done.items() if each["state"] == "failed"]:
        raise WeightsmithError(
            problem=f"the nightly's {', '.join(failed)} failed; the others are complete",
            remedy=f"read {Path(run.folder) / 'report.html'}",
        )
    return str(run.folder)


def tonight(preset: str, settings: dict[str, list[str]], rotating: int) -> dict[str, Study]:
    """The studies that take part, with the seeds of this night."""
    nightly = {name: kind for name, kind in KINDS.items() if kind.configuration.networks_a_night}
    taking_part = [name for name, kind in nightly.items() if preset in kind.preset_functions()]
    if not taking_part:
        taking_part = list(KINDS)[:1]  # resolving it says which presets there are
    return {name: resolve(name, preset, settings.get(name, ())).tonight(rotating) for name in taking_part}


def rotating_seed(moment: datetime) -> int:
    """The date as a number, 20260131."""
    return int(f"{moment:%Y%m%d}")
