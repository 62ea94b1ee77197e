"""Training base networks: one job per seed, its product a safetensors file of the whole network."""

import dataclasses
import itertools
import json
from collections.abc import Sequence

from methods.collection.loop import Record
from methods.collection.phase import Phase
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage


@stage
def train(pool: Pool, apparatus: Apparatus, splits: Splits, seeds: Sequence[int], run: Run) -> list[Ref]:
    """The networks as they are before the first snapshot: the phases of the strategy that keep no rows."""
    parts = (apparatus.data, splits.digest, apparatus.network, opening(apparatus), apparatus.strategy.buffers)
    return pool.carry_out(
        "train",
        [
            Job(
                work=train_one,
                arguments=(seed,),
                target=run.product("base", ".safetensors", *parts, seed),
                label=f"seed {seed}",
            )
            for seed in seeds
        ],
    )


def opening(apparatus: Apparatus) -> tuple[Phase, ...]:
    """The phases before the first that keeps rows or begins anew: they make the network that rows are put into."""
    return tuple(itertools.takewhile(lambda phase: phase.opens, apparatus.strategy.phases()))


def train_one(laboratory: Laboratory, seed: int, *, target: str, on_step: OnStep) -> None:
    network, layout = laboratory.network(seed), laboratory.layout
    curves = []
    for phase in opening(laboratory.apparatus):
        record = Record()
        for _ in laboratory.carry_out(phase, network, layout, seed, record, on_step):
            pass
        if record.curve:
            curves.append(dataclasses.asdict(record.curve))
    publish_tensors(target, network.state_dict(), {"curves": json.dumps(curves)})
