"""Training base networks: one job per seed, its product a safetensors file of the whole network."""

import dataclasses
import itertools
import json
from collections.abc import Sequence

from methods.backdoor.badnets import BadNets
from methods.collection.loop import Record
from methods.collection.phase import Phase
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.imported import Imported, imported
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage


@stage
def train(
    pool: Pool,
    apparatus: Apparatus,
    splits: Splits,
    seeds: Sequence[int],
    run: Run,
    *,
    phases: tuple[Phase, ...] | None = None,
    poison: BadNets | None = None,
) -> list[Ref]:
    """The networks as they are before the first snapshot: the phases of the strategy that keep no rows, or others.

    poison: train them with this backdoor; each seed chooses its own images to be poisoned.
    """
    if isinstance(apparatus.strategy, Imported) and phases is None and poison is None:
        layout = Laboratory.layout_for(apparatus, splits)
        return [imported(apparatus.strategy, apparatus.network, layout, splits, seeds)[0]]
    Laboratory.check_plan(apparatus, splits)
    phases = opening(apparatus) if phases is None else phases
    backdoored = "backdoored " if poison else ""
    return pool.carry_out(
        "train",
        [
            Job(
                work=train_one,
                arguments=(phases, poison, seed),
                target=network_file(apparatus, splits.digest, phases, poison, seed, run),
                label=f"{backdoored}seed {seed}",
            )
            for seed in seeds
        ],
    )


def network_file(
    apparatus: Apparatus, digest: str, phases: tuple[Phase, ...], poison: BadNets | None, seed: int, run: Run
) -> str:
    """Where the network lies that these phases make on images of this digest."""
    parts = (apparatus.data, digest, apparatus.network, phases, apparatus.strategy.buffers, poison)
    return run.product("base", ".safetensors", *parts, seed)


def opening(apparatus: Apparatus) -> tuple[Phase, ...]:
    """The phases before the first that keeps rows or begins anew: they make the network that rows are put into."""
    return tuple(itertools.takewhile(lambda phase: phase.opens, apparatus.strategy.phases()))


def train_one(
    laboratory: Laboratory,
    phases: tuple[Phase, ...],
    poison: BadNets | None,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    network, layout = laboratory.network(seed), laboratory.layout
    images = laboratory.poisoned(poison, seed) if poison else None
    curves = []
    for phase in phases:
        record = Record()
        for _ in laboratory.carry_out(phase, network, layout, seed, record, on_step, images=images):
            pass
        if record.curve:
            curves.append(dataclasses.asdict(record.curve))
    publish_tensors(target, network.state_dict(), {"curves": json.dumps(curves)})
