"""Collecting snapshots: one job per seed, all rows in one snapshot set."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import nn

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.loop import Record, Snapshot
from methods.collection.strategy import Strategy
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json
from storage.manifest import part_file
from storage.rows import Row
from storage.snapshots import commit, write_part
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.imported import Imported, imported
from tasks.classifiers.train import opening
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import Folder, new_job, product_path
from tasks.runtime.stage import stage

RELOAD_ROWS, RELOAD_BYTES = 64, 2**28
"""Snapshots evaluated together after reloading; at most so many, and so many bytes of them, are in memory."""


@stage
def collect(context: RunContext, seeds: Sequence[int], bases: Sequence[Ref]) -> tuple[Ref, list[Ref]]:
    """The committed set (its entry file), and per seed a JSON file of how its collection went.

    Many strategies, data sets, with and without a backdoor, in one set: `tasks.classifiers.bulk_collection`.
    """
    strategy, layout = context.context_config.strategy, context.layout
    if isinstance(strategy, Imported):
        _, entry, record = imported(strategy, context.context_config.network, layout, context.splits, seeds)
        return entry, [record]
    every = (strategy, layout, list(seeds), list(bases))
    folder = product_path(context.run, "snapshots", collect_one, every, suffix="")
    jobs = [
        new_job(
            context.run,
            "collected",
            collect_one,
            (strategy, layout, seed, base, Folder(folder), f"seed-{seed}", None),
            suffix=".json",
            label=f"seed {seed}",
            beside=(part_file(folder, f"seed-{seed}"),),
        )
        for seed, base in zip(seeds, bases, strict=True)
    ]
    records = context.pool.carry_out("collect", jobs)
    told = {"data": context.splits.digest, "seeds": list(seeds)}
    return commit(folder, [f"seed-{seed}" for seed in seeds], layout, told), records


def collect_one(
    worker_context: ClassifierContext,
    strategy: Strategy,
    layout: Layout,
    seed: int,
    base: Ref,
    folder: Folder,
    name: str,
    poison: BadNets | None,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """Writes the part `name` of the set, then `target`. poison: as the network at `base` was trained with."""
    network = worker_context.network(seed, base)
    images = worker_context.poisoned(poison, seed) if poison else None
    phases = strategy.phases()[len(opening(strategy)) :]
    # rows of one set differ in this, in the seed or in the step
    run = folder.key if name == f"seed-{seed}" else name
    records: list[Record] = []

    def snapshots() -> Iterator[tuple[int, Snapshot]]:
        """With the number of the run that each comes from; its steps count on from phase to phase."""
        number, steps, epochs = 0, 0, 0
        for phase in phases:
            own = randomness.derive(seed, "restart", phase.draw) if phase.draw else seed
            if phase.begin == "rows":
                begin_anew(network, worker_context.network(own), layout)
                number, steps, epochs = number + 1, 0, 0
            elif phase.begin == "network":
                network.load_state_dict(worker_context.network(own).state_dict())
            records.append(Record())
            for snapshot in worker_context.carry_out(phase, network, layout, own, records[-1], on_step, images=images):
                yield number, dataclasses.replace(snapshot, step=steps + snapshot.step, epoch=epochs + snapshot.epoch)
            if phase.keeps:
                steps, epochs = steps + records[-1].steps, epochs + records[-1].epochs

    def rows() -> Iterator[Row]:
        # a network of its own: what a row is worth must not depend on the state that training has left elsewhere
        fresh = worker_context.network(seed, base)
        waiting = islice(snapshots(), strategy.planned)
        while block := list(islice(waiting, max(1, min(RELOAD_ROWS, RELOAD_BYTES // (4 * layout.size))))):
            reloaded = worker_context.validation_accuracy(fresh, layout, torch.stack([each.row for _, each in block]))
            for (number, snapshot), accuracy in zip(block, reloaded.tolist(), strict=True):
                yield Row(
                    run=f"{run}.{number}",
                    strategy=strategy.kind,
                    data=worker_context.splits.name,
                    seed=seed,
                    epoch=snapshot.epoch,
                    step=snapshot.step,
                    lr=snapshot.learning_rate,
                    accuracy=snapshot.accuracy,
                    accuracy_reloaded=accuracy,
                    poisoned=poison is not None,
                    parameters=snapshot.row.numpy(),
                )

    part = write_part(folder.path, name, rows(), layout)
    curves = [dataclasses.asdict(record.curve) for record in records if record.curve]
    passes = sum(record.prefix_passes for record in records)
    publish_json(target, {"part": dataclasses.asdict(part), "curves": curves, "prefix_passes": passes})


@torch.no_grad()
def begin_anew(network: nn.Module, fresh: nn.Module, layout: Layout) -> None:
    """Gives `network` the initial values that `fresh` has of everything in a row."""
    state, initial = network.state_dict(), fresh.state_dict()
    for entry in layout.entries:
        state[entry.name].copy_(initial[entry.name])
