"""Training base networks: one job per seed, its product a safetensors file of the whole network."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import Any

from methods.backdoor.badnets import BadNets
from methods.collection.loop import Record
from methods.collection.phase import Phase
from methods.collection.strategy import Strategy
from methods.layout import Buffers, choose
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.imported import Imported, imported
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs, product_path
from tasks.runtime.run import Run
from tasks.runtime.stage import stage

BASE, NETWORK = "base", ".safetensors"
"""Folder and suffix of the networks, which several commands look for."""


@stage
def train(
    context: RunContext,
    seeds: Sequence[int],
    *,
    phases: tuple[Phase, ...] | None = None,
    poison: BadNets | None = None,
) -> list[Ref]:
    """The networks as they are before the first snapshot: the phases of the strategy that keep no rows, or others.

    poison: train them with this backdoor; each seed chooses its own images to be poisoned.
    """
    context_config = context.context_config
    if isinstance(context_config.strategy, Imported) and phases is None and poison is None:
        return [imported(context_config.strategy, context_config.network, context.layout, context.splits, seeds)[0]]
    ClassifierContext.check_plan(context_config, context.splits)
    phases = opening(context_config.strategy) if phases is None else phases
    items = {seed: network_arguments(context_config, phases, poison, seed) for seed in seeds}
    backdoored = "backdoored " if poison else ""
    found = map_jobs(
        context,
        "train",
        train_one,
        items,
        product=BASE,
        suffix=NETWORK,
        label=lambda seed: f"{backdoored}seed {seed}",
    )
    return [found[seed] for seed in seeds]


def network_arguments(
    context_config: ContextConfig, phases: tuple[Phase, ...], poison: BadNets | None, seed: int
) -> tuple[Any, ...]:
    """What `train_one` is given beside its worker's context."""
    return phases, context_config.strategy.buffers, poison, seed


def network_file(
    run: Run, context_config: ContextConfig, phases: tuple[Phase, ...], poison: BadNets | None, seed: int
) -> str:
    """Where the network lies that these phases make, on the images and with the network that `run` is bound to."""
    return product_path(run, BASE, train_one, network_arguments(context_config, phases, poison, seed), suffix=NETWORK)


def opening(strategy: Strategy | Imported) -> tuple[Phase, ...]:
    """The phases before the first that keeps rows or begins anew: they make the network that rows are put into."""
    return tuple(itertools.takewhile(lambda phase: phase.opens, strategy.phases()))


def train_one(
    worker_context: ClassifierContext,
    phases: tuple[Phase, ...],
    buffers: Buffers,
    poison: BadNets | None,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """buffers: what becomes of the statistics of norms where a phase trains only some layers."""
    network = worker_context.network(seed)
    layout = choose(network, ("*",), buffers=buffers)
    images = worker_context.poisoned(poison, seed) if poison else None
    curves = []
    for phase in phases:
        record = Record()
        for _ in worker_context.carry_out(phase, network, layout, seed, record, on_step, images=images):
            pass
        if record.curve:
            curves.append(dataclasses.asdict(record.curve))
    publish_tensors(target, network.state_dict(), {"curves": json.dumps(curves)})
