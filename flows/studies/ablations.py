"""The study `ablations`: what each choice is worth, one factor at a time.

Each cell is a whole run of `parameter_diffusion`, done by one worker. Cells that collect alike share their networks and
snapshots, and all share what the base trains: these are made first, so that no two workers make the same thing.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MinLen

from flows.studies.common import Seed
from flows.studies.overrides import changed
from flows.studies.parameter_diffusion import OverBase, ParameterDiffusion, generate_and_compare
from flows.studies.spec import StudySpec
from methods.errors import BadData, Diverged, GateFailed
from methods.progress import OnStep
from storage import datasets
from storage.files import Ref
from storage.formats import publish_json, read_json
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.collect import collect
from tasks.classifiers.planned_data import planned_splits
from tasks.classifiers.train import train
from tasks.generation.summarise import data_facts
from tasks.generation.summarise_ablations import summarise_cells
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import new_job
from tasks.runtime.pool import InlinePool, Job
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of `parameter_diffusion` in which one factor, `varied`, has another `value`.

    changes: as on the command line, `path.to.field=value`. published: generated minus original mean accuracy, in
    points, of the same cell in the first public version on CIFAR-100.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    varied: str
    value: str
    changes: tuple[str, ...] = ()
    published: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ablations(OverBase):
    """A base configuration and the cells that depart from it; `seeds` and `seed` take the place of the base's."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    study: Literal["ablations"] = "ablations"
    preset: str = "custom"
    base: ParameterDiffusion
    cells: Annotated[tuple[Cell, ...], MinLen(1)]
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0


BASELINES = ("mean", "average_of_16", "gaussian")
"""Whose mean accuracy stands beside the generator's in every cell."""
RESULTS = (GateFailed, Diverged, BadData)
"""Errors that say something about a cell's setting. Any other, as a full disk, says nothing and must not be kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Relay:
    """A watcher inside a worker: tells the worker's listener what the stages of a cell tell."""

    on_step: OnStep

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        self.on_step(name, 0, max(jobs, 1))
        yield

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        self.on_step(stage, done, total)


def study_of(study: Ablations, cell: Cell) -> ParameterDiffusion:
    """The configuration of a cell. Raises `BadSetting` where a change names no field."""
    base = dataclasses.replace(study.base, seed=study.seed, seeds=study.seeds)
    return changed(base, cell.changes)


def run_cells(study: Ablations, context: RunContext) -> list[Ref]:
    """One JSON file per cell, in their order."""
    studies = [study_of(study, cell) for cell in study.cells]
    train(context, study.seeds)
    digests, home = {study.data: context.splits.digest}, Path(context.run.home)
    for each in studies:
        if each.data not in digests:  # a cell may have images of its own
            digests[each.data] = datasets.load(each.data, home=home).digest
    collections: dict[str, Job] = {}
    cells: list[Job] = []
    for cell, each in zip(study.cells, studies, strict=True):
        digest, label = digests[each.data], f"{cell.varied} {cell.value}"
        own = dataclasses.replace(context.run, seed=each.seed).bound(digest, each.context_config)
        found = (each.context_config, each.seeds, digest, own)
        collected = new_job(own, "cells", collect_alone, found, suffix=".json", label=label)
        collections.setdefault(collected.target, collected)
        cells.append(new_job(own, "cells", run_cell, (cell, each, digest, own), suffix=".json", label=label))
    context.pool.carry_out("collect", list(collections.values()))
    return context.pool.carry_out("cells", cells)


def context_of(
    worker_context: ClassifierContext, context_config: ContextConfig, digest: str, run: Run, on_step: OnStep
) -> RunContext:
    """In which the worker runs a cell, whose images may be others than those that the worker was made for."""
    splits = worker_context.splits
    if splits.digest != digest:
        splits = planned_splits(context_config.data, run.home, digest)
    pool = InlinePool(context_config, splits, Relay(on_step))
    return RunContext(pool=pool, run=run, splits=splits, context_config=context_config)


def collect_alone(
    worker_context: ClassifierContext,
    context_config: ContextConfig,
    seeds: Sequence[int],
    digest: str,
    run: Run,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """Networks and snapshots of one strategy, for the cells that will look for them."""
    context = context_of(worker_context, context_config, digest, run, on_step)
    snapshots, _ = collect(context, seeds, train(context, seeds))
    publish_json(target, dataclasses.asdict(snapshots))


def run_cell(
    worker_context: ClassifierContext,
    cell: Cell,
    study: ParameterDiffusion,
    digest: str,
    run: Run,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """What a cell leaves.

    A generator that is unfit has a record in place of its numbers. A cell that stops before there is anything to
    compare, with one of the `RESULTS`, has an `error` in place of all numbers.
    """
    began = time.monotonic()
    context = context_of(worker_context, study.context_config, digest, run, on_step)
    told: dict[str, Any] = {"varied": cell.varied, "value": cell.value, "published": cell.published}
    try:
        summary, _ = generate_and_compare(study, context)
    except RESULTS as error:
        told["error"] = str(error)
    else:
        told |= _kept(summary, study.generator.kind)
    publish_json(target, told | {"seconds": round(time.monotonic() - began, 3)})


def _kept(summary: dict[str, Any], generator: str) -> dict[str, Any]:
    """None in place of what only a generator with models has."""
    audit = summary["audit"][generator]
    return {
        "original": summary["original"],
        "generated": summary["generated"][generator],
        "difference": summary["differences"].get(generator),
        "baselines": {name: summary["generated"][name]["mean"] for name in BASELINES},
        "verdict": audit["verdict"],
        **{key: audit.get(key) for key in ("iou", "lead", "dispersion", "nn_distance_ratio")},
        "facts": next(iter(summary["held_out"].values())),
        "unfit": summary["unfit"],
    }


def compare_cells(study: Ablations, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`."""
    files = run_cells(study, context)
    references = {f"cell {number}": {"path": ref.path, "sha256": ref.sha256} for number, ref in enumerate(files)}
    cells = [read_json(ref.path) for ref in files]
    return summarise_cells(cells, data_facts(context.splits)), {"references": references}


SPEC = StudySpec(
    configuration=Ablations,
    body=compare_cells,
    description="One factor at a time; choose a preset, or give the whole configuration.",
    presets=("flows.presets.ablations",),
    chapter="flows.report.ablations",
)
