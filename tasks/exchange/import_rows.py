"""Importing rows of parameters: each is written into the network that came with it, and its accuracy measured anew."""

import dataclasses
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from methods.errors import BadSetting
from methods.layout import Layout
from methods.progress import OnStep
from storage.datasets import Splits
from storage.exchange.networks import TRACKED
from storage.exchange.offered import Offered, State
from storage.exchange.reading import read_offered
from storage.files import Ref
from storage.formats import publish_json, publish_tensors
from storage.places import child, parent
from storage.rows import Row
from storage.snapshots import commit, write_part
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.collect import RELOAD_BYTES, RELOAD_ROWS
from tasks.classifiers.imported import BASE, RECORD, SEED, Imported, described
from tasks.runtime.jobs import product_path
from tasks.runtime.pool import Job, Pool
from tasks.runtime.run import Run

PART = f"seed-{SEED}"


def strategy_of(offered: Offered, folder: str, *, recalibrate: bool) -> Imported:
    """How a study names these rows once they lie in `folder`."""
    statistics = [name for name in offered.shapes if name.endswith(("running_mean", "running_var"))]
    if recalibrate and statistics:
        raise BadSetting(
            problem=f"{offered.source} brings running statistics of its norms", remedy="leave out --recalibrate"
        )
    return Imported(
        path=folder,
        keep=tuple(name for name in offered.shapes if name not in statistics),
        buffers="snapshot" if statistics else "recalibrate" if recalibrate else "frozen",
        runs=len(set(offered.runs)),
    )


def target_of(offered: Offered, context_config: ContextConfig, splits: Splits, run: Run) -> str:
    """The folder of the set: equal sources imported with equal settings lie in the same one."""
    facts = described(context_config.network, splits)
    return product_path(
        run, "imported", import_one, (offered.sha256, facts, context_config.strategy.buffers), suffix=""
    )


def import_set(
    pool: Pool, source: Path, base: Path | None, largest: int, offered: Offered, context_config: ContextConfig
) -> Ref:
    """The committed set's record; what is committed already is not done again."""
    assert isinstance(context_config.strategy, Imported)
    folder = context_config.strategy.path
    job = Job(
        work=import_one,
        arguments=(source, base, largest),
        target=child(folder, RECORD),
        label=offered.source,
        beside=(child(folder, BASE), child(folder, "entry.json")),
    )
    return pool.carry_out("import", [job])[0]


def import_one(
    worker_context: ClassifierContext, source: Path, base: Path | None, largest: int, *, target: str, on_step: OnStep
) -> None:
    """Writes base, set and record, in this order."""
    offered, folder, layout = read_offered(source, base, largest=largest), parent(target), worker_context.layout
    check_layout(offered, layout)
    network = with_state(worker_context.network(SEED), offered.base(), offered.source)
    facts = described(worker_context.context_config.network, worker_context.splits)
    publish_tensors(child(folder, BASE), network.state_dict(), {"curves": "[]", "made_for": json.dumps(facts)})
    test: list[float] = []

    def rows() -> Iterator[Row]:
        waiting, count = enumerate(offered.rows()), len(offered.accuracies)
        while block := list(islice(waiting, max(1, min(RELOAD_ROWS, RELOAD_BYTES // (4 * layout.size))))):
            flat = torch.stack([layout.flatten(state) for _, state in block])
            validation = worker_context.validation_accuracy(network, layout, flat).tolist()
            predicted = worker_context.predictions(network, layout, flat, worker_context.test.images)
            test.extend((predicted == worker_context.splits.test.labels).double().mean(1).tolist())
            for (index, _), row, accuracy in zip(block, flat, validation, strict=True):
                yield Row(
                    run=offered.runs[index] or offered.source,
                    strategy=worker_context.context_config.strategy.kind,
                    data=worker_context.splits.name,
                    seed=SEED,
                    epoch=float(index),
                    step=index,
                    lr=0.0,
                    accuracy=offered.accuracies[index],
                    accuracy_reloaded=accuracy,
                    parameters=row.numpy(),
                )
            on_step("models", block[-1][0] + 1, count)

    part = write_part(folder, PART, rows(), layout)
    origin = {"name": offered.source, "sha256": offered.sha256}
    metadata = facts | {"seeds": [SEED], "origin": origin, "test_accuracy": test}
    commit(folder, [PART], layout, metadata)
    publish_json(target, {"part": dataclasses.asdict(part), "curves": [], "prefix_passes": 0})


def check_layout(offered: Offered, layout: Layout) -> None:
    """Raises `BadSetting` where the network here has other tensors of these names than the rows."""
    here = {entry.name: entry.shape for entry in layout.entries}
    if here != offered.shapes:
        different = [name for name in here | offered.shapes if here.get(name) != offered.shapes.get(name)]
        raise BadSetting(
            problem=f"the rows of {offered.source} do not fit the network: "
            + "; ".join(f"{name} is {offered.shapes.get(name)}, here {here.get(name)}" for name in different[:3]),
            remedy="choose the network that they were trained in, with --preset and --set network.…=…",
        )


def with_state(network: nn.Module, state: State, source: str) -> nn.Module:
    """The network with all its numbers from `state`. Raises `BadSetting` where they are not those of this network."""
    own = network.state_dict()
    counters = {name: value for name, value in own.items() if name.endswith(TRACKED)}
    try:
        network.load_state_dict(counters | state)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise BadSetting(
            problem=f"the network of {source} is not the one configured here: " + " ".join(map(str.strip, lines[1:4])),
            remedy="choose its architecture with --preset and --set network.…=…, its classes and channels with data",
        ) from error
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise BadSetting(problem=f"{name} of {source}'s network is not finite", remedy="give a network that works")
    return network
