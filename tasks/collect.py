"""Collecting snapshots: one job per seed, all rows in one snapshot set."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import nn

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.loop import Record, Snapshot
from methods.layout import Layout
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_json
from storage.manifest import part_file
from storage.rows import Row
from storage.snapshots import commit, write_part
from tasks.imported import Imported, imported
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.train import opening

RELOAD_ROWS, RELOAD_BYTES = 64, 2**28
"""Snapshots evaluated together after reloading; at most so many, and so many bytes of them, are in memory."""


@stage
def collect(
    pool: Pool, apparatus: Apparatus, splits: Splits, seeds: Sequence[int], bases: Sequence[Ref], run: Run
) -> tuple[Ref, list[Ref]]:
    """The committed set (its entry file), and per seed a JSON file of how its collection went.

    Many strategies, data sets, with and without a backdoor, in one set: `tasks.grid`.
    """
    if isinstance(apparatus.strategy, Imported):
        layout = Laboratory.layout_for(apparatus, splits)
        _, entry, record = imported(apparatus.strategy, apparatus.network, layout, splits, seeds)
        return entry, [record]
    decided_by = (apparatus, splits.digest, list(seeds), [base.sha256 for base in bases])
    folder = run.product("snapshots", "", *decided_by)
    records = pool.carry_out(
        "collect",
        [
            Job(
                work=collect_one,
                arguments=(seed, base, folder, f"seed-{seed}"),
                target=run.product("collected", ".json", *decided_by, seed),
                label=f"seed {seed}",
                beside=(part_file(folder, f"seed-{seed}"),),
            )
            for seed, base in zip(seeds, bases, strict=True)
        ],
    )
    layout = Laboratory.layout_for(apparatus, splits)
    entry = commit(folder, [f"seed-{seed}" for seed in seeds], layout, {"data": splits.digest, "seeds": list(seeds)})
    return entry, records


def collect_one(
    laboratory: Laboratory,
    seed: int,
    base: Ref,
    folder: str,
    name: str,
    poison: BadNets | None = None,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """Writes the part `name` of the set, then `target`. poison: as the network at `base` was trained with."""
    network, layout = laboratory.network(seed, base), laboratory.layout
    images = laboratory.poisoned(poison, seed) if poison else None
    strategy = laboratory.apparatus.strategy
    phases = strategy.phases()[len(opening(laboratory.apparatus)) :]
    # rows of one set differ in this, in the seed or in the step
    run = folder.rpartition("/")[2] if name == f"seed-{seed}" else name
    records: list[Record] = []

    def snapshots() -> Iterator[tuple[int, Snapshot]]:
        """With the number of the run that each comes from; its steps count on from phase to phase."""
        number, steps, epochs = 0, 0, 0
        for phase in phases:
            own = randomness.derive(seed, "restart", phase.draw) if phase.draw else seed
            if phase.begin == "rows":
                begin_anew(network, laboratory.network(own), layout)
                number, steps, epochs = number + 1, 0, 0
            elif phase.begin == "network":
                network.load_state_dict(laboratory.network(own).state_dict())
            records.append(Record())
            for snapshot in laboratory.carry_out(phase, network, layout, own, records[-1], on_step, images=images):
                yield number, dataclasses.replace(snapshot, step=steps + snapshot.step, epoch=epochs + snapshot.epoch)
            if phase.keeps:
                steps, epochs = steps + records[-1].steps, epochs + records[-1].epochs

    def rows() -> Iterator[Row]:
        # a network of its own: what a row is worth must not depend on the state that training has left elsewhere
        fresh = laboratory.network(seed, base)
        waiting = islice(snapshots(), strategy.planned)
        while block := list(islice(waiting, max(1, min(RELOAD_ROWS, RELOAD_BYTES // (4 * layout.size))))):
            reloaded = laboratory.validation_accuracy(fresh, layout, torch.stack([each.row for _, each in block]))
            for (number, snapshot), accuracy in zip(block, reloaded.tolist(), strict=True):
                yield Row(
                    run=f"{run}.{number}",
                    strategy=strategy.kind,
                    data=laboratory.splits.name,
                    seed=seed,
                    epoch=snapshot.epoch,
                    step=snapshot.step,
                    lr=snapshot.learning_rate,
                    accuracy=snapshot.accuracy,
                    accuracy_reloaded=accuracy,
                    poisoned=poison is not None,
                    parameters=snapshot.row.numpy(),
                )

    part = write_part(folder, name, rows(), layout)
    curves = [dataclasses.asdict(record.curve) for record in records if record.curve]
    passes = sum(record.prefix_passes for record in records)
    publish_json(target, {"part": dataclasses.asdict(part), "curves": curves, "prefix_passes": passes})


@torch.no_grad()
def begin_anew(network: nn.Module, fresh: nn.Module, layout: Layout) -> None:
    """Gives `network` the initial values that `fresh` has of everything in a row."""
    state, initial = network.state_dict(), fresh.state_dict()
    for entry in layout.entries:
        state[entry.name].copy_(initial[entry.name])
