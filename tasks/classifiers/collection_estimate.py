"""What a collection will take, from a few steps of each of its phases timed on this machine."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from methods.collection.loop import Record
from methods.collection.phase import Phase
from methods.collection.strategy import CollectionStrategy
from storage.datasets import Split
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.threads import fixed_threads

STEPS = 3
"""Steps of an epoch that is timed."""
Timed = dict[Any, tuple[float, float]]
"""By what decides it: seconds for the frozen part of a network on all images, and for one epoch of the rest."""


def epochs_of(strategy: CollectionStrategy) -> Iterator[tuple[Phase, float]]:
    """The phases, and how many epochs each takes; one of the cycles for all of them.

    A cycle of n epochs and `linger`·n more keeps a row after each of these, so K rows take K·(1 + 1/linger) epochs
    whatever n is (rounding left aside). A phase that may end early counts whole.
    """
    cycles = [phase for phase in strategy.phases() if phase.linger]
    for phase in strategy.phases():
        if not phase.linger:
            yield phase, phase.training.epochs
    if cycles:
        yield cycles[0], strategy.planned * (1 + 1 / cycles[0].linger)


def seconds_of(worker_context: ClassifierContext, timed: Timed) -> tuple[float, float]:
    """Of one worker: for the network that the strategy begins from, and for one collection from it.

    Looking at accuracies is left out. timed: what strategies before had timed; grows.
    """
    opened, rest, context_config = 0.0, 0.0, worker_context.context_config
    for phase, epochs in epochs_of(context_config.strategy):
        bare = _bare(phase)
        decided = (context_config.data, context_config.network, worker_context.layout.buffers, bare)
        if decided not in timed:
            timed[decided] = _phase_seconds(worker_context, bare)
        fixed, each = timed[decided]
        if phase.opens:
            opened += fixed * phase.views + each * epochs
        else:
            rest += fixed * phase.views + each * epochs
    return opened, rest


def _bare(phase: Phase) -> Phase:
    """One epoch of it without rows and goals, with the middle one of its batch sizes: what decides an epoch's cost."""
    sizes = sorted(phase.batch_sizes) or [phase.training.batch_size]
    size = sizes[len(sizes) // 2]
    # so small a step changes nothing, and a fresh network cannot diverge
    training = dataclasses.replace(phase.training, batch_size=size, schedule="constant", learning_rate=1e-9, epochs=1)
    return Phase(train=phase.train, training=training)


def _phase_seconds(worker_context: ClassifierContext, phase: Phase) -> tuple[float, float]:
    """For the frozen part of the network on all images, and for one epoch of the rest."""
    n, size = len(worker_context.train), min(phase.training.batch_size, len(worker_context.train))
    few = worker_context.spread(STEPS * size)
    _, once, twice = (_timed(worker_context, phase, few, epochs) for epochs in (1, 1, 2))
    share = n / len(few)
    each = max(twice - once, 0.0) * share
    return max(once * share - each, 0.0), each


def _timed(worker_context: ClassifierContext, phase: Phase, images: Split, epochs: int) -> float:
    """Seconds of so many short epochs; the network is a new one, whose values do not matter."""
    phase = dataclasses.replace(phase, training=dataclasses.replace(phase.training, epochs=epochs))
    network, layout = worker_context.network(0), worker_context.layout
    with fixed_threads(worker_context.context_config.resources.threads):
        began = time.perf_counter()
        for _ in worker_context.carry_out(phase, network, layout, 0, Record(), lambda *_: None, images=images):
            pass
        return time.perf_counter() - began
