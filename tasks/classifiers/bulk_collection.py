"""Collection at scale: a job for each (strategy, data set, seed, poisoned or clean), all rows in one snapshot set."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from methods.backdoor.badnets import BadNets
from methods.layout import Layout
from methods.progress import OnStep
from storage.errors import NotCommitted
from storage.files import Ref
from storage.manifest import part_file, read_entry
from storage.snapshots import commit
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.collect import collect_one
from tasks.classifiers.imported import Imported
from tasks.classifiers.planned_data import planned_splits
from tasks.classifiers.train import network_file, opening, train_one
from tasks.runtime.jobs import Folder, Home, new_job, product_path
from tasks.runtime.pool import Job, Pool
from tasks.runtime.run import Run
from tasks.runtime.stage import stage
from tasks.runtime.worker_cache import worker_cache


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One collection. digest: of the images. poison: what the training images are given, if anything."""

    context_config: ContextConfig
    digest: str
    seed: int
    poison: BadNets | None = None

    @property
    def kind(self) -> str:
        return self.context_config.strategy.kind

    @property
    def part(self) -> str:
        """Its name in the set; what else decides its rows is in the name of the set."""
        return f"{self.kind}-{self.digest[:8]}-{'poisoned' if self.poison else 'clean'}-seed-{self.seed}"

    @property
    def label(self) -> str:
        return f"{self.kind} {self.context_config.data.source} seed {self.seed}{' poisoned' if self.poison else ''}"

    def network_file(self, run: Run) -> str:
        own = run.bound(self.digest, self.context_config)
        return network_file(own, self.context_config, opening(self.context_config.strategy), self.poison, self.seed)


@stage
def train_grid(pool: Pool, units: Sequence[Unit], run: Run) -> list[Ref]:
    """The network of each unit; those that begin alike share it, also with studies below the same home."""
    targets = [unit.network_file(run) for unit in units]
    jobs = {
        target: Job(work=train_unit, arguments=(unit, run.home), target=target, label=unit.label)
        for target, unit in zip(targets, units, strict=True)
    }
    found = dict(zip(jobs, pool.carry_out("train", list(jobs.values())), strict=True))
    return [found[target] for target in targets]


def set_folder(layout: Layout, decided_by: Any, run: Run) -> str:
    """Where rows of this layout lie. decided_by: all settings, but for which strategies, seeds and data are chosen."""
    return product_path(run, "snapshots", collect_unit, (layout, decided_by), suffix="")


@stage
def collect_grid(
    pool: Pool,
    units: Sequence[Unit],
    bases: Sequence[Ref],
    folder: str,
    layout: Layout,
    about: Mapping[str, Any],
    run: Run,
) -> Ref:
    """The committed set. It grows: what was committed in the folder before stays in it.

    units: all of this layout. about: JSON values for the readers of the set.
    """
    jobs = [unit_job(unit, base, folder, layout, run) for unit, base in zip(units, bases, strict=True)]
    pool.carry_out("collect", jobs)
    try:
        earlier = [part.name for part in read_entry(folder).parts]
    except NotCommitted:
        earlier = []
    return commit(folder, sorted({*earlier, *(unit.part for unit in units)}), layout, dict(about))


def unit_job(unit: Unit, base: Ref, folder: str, layout: Layout, run: Run) -> Job:
    return new_job(
        run.bound(unit.digest, unit.context_config),
        "collected",
        collect_unit,
        (unit, base, Folder(folder), layout, Home(run.home)),
        suffix=".json",
        label=unit.label,
        beside=(part_file(folder, unit.part),),
    )


def train_unit(_: ClassifierContext, unit: Unit, home: str, *, target: str, on_step: OnStep) -> None:
    own, strategy = worker_context_of(unit.context_config, home, unit.digest), unit.context_config.strategy
    train_one(own, opening(strategy), strategy.buffers, unit.poison, unit.seed, target=target, on_step=on_step)


def collect_unit(
    _: ClassifierContext,
    unit: Unit,
    base: Ref,
    folder: Folder,
    layout: Layout,
    home: Home,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    own, strategy = worker_context_of(unit.context_config, home.path, unit.digest), unit.context_config.strategy
    assert not isinstance(strategy, Imported)
    collect_one(own, strategy, layout, unit.seed, base, folder, unit.part, unit.poison, target=target, on_step=on_step)


@worker_cache(1)
def worker_context_of(context_config: ContextConfig, home: str, digest: str) -> ClassifierContext:
    """A worker is made for one data set and one strategy; these are others. The last one is kept."""
    return ClassifierContext(context_config, planned_splits(context_config.data, home, digest))
