"""Collection: every strategy's rows as planned; restarts, whose rows lie together and begin from their own values."""

import dataclasses
import itertools
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from methods.collection.loop import Record
from methods.collection.shrinking import FourBn, Shrink, ShrinkReordered
from methods.collection.strategy import Restarts, Strategy, Training
from methods.collection.whole import ManySeeds, WholeRun
from methods.randomness import derive
from storage.files import Ref
from storage.formats import read_tensors
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.collect import begin_anew, collect
from tasks.classifiers.train import opening, train
from tasks.classifiers.training_rows import Material, rows_of
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tests.contexts import context

SLOW = Training(epochs=10, batch_size=4, learning_rate=1e-6, weight_decay=0.0)
STRATEGY = Restarts(keep=("linear.*",), first=SLOW, warm=SLOW, then=SLOW, restarts=3, rows=10)


def test_rows_of_every_restart_are_a_run_of_their_own(context_config, splits, watcher, tmp_path: Path) -> None:
    given = context_config(strategy=STRATEGY)
    run = Run(home=str(tmp_path), run_id="run", preset="custom", seed=0).bound(splits.digest, given)
    pool = InlinePool(given, splits, watcher)
    assert len(opening(given.strategy)) == 1
    bases = train(context(pool, given, splits, run), [0])
    snapshots, _ = collect(context(pool, given, splits, run), [0], bases)
    matrix, scalars = SnapshotSet.open(snapshots).matrix(seeds=[0])
    assert matrix.shape[0] == 30
    names = scalars.column("run").to_pylist()
    assert [names.count(name) for name in dict.fromkeys(names)] == [10, 10, 10]
    parts = torch.from_numpy(matrix).split(10)
    # hardly trained at all: rows of one run are alike, those of two are two initialisations
    inside = max((part - part[0]).abs().max().item() for part in parts)
    between = min((parts[i] - parts[j]).abs().max().item() for i, j in ((0, 1), (0, 2), (1, 2)))
    assert inside < 1e-3 < between
    rows, split = rows_of(Material(snapshots=snapshots), 0)
    assert rows.runs.unique().tolist() == [0, 1, 2]
    assert {int(index) // 10 for index in split.held_out} == {0, 1, 2}


def test_only_what_a_row_holds_begins_anew(context_config, splits) -> None:
    worker_context = ClassifierContext(context_config(strategy=STRATEGY), splits)
    network, fresh = worker_context.network(0), worker_context.network(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    begin_anew(network, fresh, worker_context.layout)
    for name, value in network.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name] if name.startswith("linear.") else before[name]), name


BRIEF = Training(epochs=2, batch_size=4, learning_rate=1e-3)
"""Faster, norms over four images make gradients that overflow."""


def short(kind: type) -> Strategy:
    """One of every strategy, with twelve rows, or as many from restarts."""
    fields = {"first": BRIEF, "then": BRIEF, "warm": BRIEF, "again": BRIEF, "rows": 12, "restarts": 2, "accuracy": 0.6}
    given = {"batch_sizes": (4, 6), "first_accuracy": 0.9, "keep": ("linear.*",)}
    names = {field.name for field in dataclasses.fields(kind)}
    strategy = kind(**{name: value for name, value in (fields | given).items() if name in names})
    longer = {"then": dataclasses.replace(BRIEF, epochs=4)} if "then" in names else {}
    longer |= {"first": dataclasses.replace(BRIEF, epochs=4)} if kind is WholeRun else {}
    return dataclasses.replace(strategy, **longer)


def collected(given: ContextConfig, splits, watcher, home: Path) -> tuple[SnapshotSet, list[Ref]]:
    run = Run(home=str(home), run_id="run", preset="custom", seed=0).bound(splits.digest, given)
    pool = InlinePool(given, splits, watcher)
    bases = train(context(pool, given, splits, run), [0])
    return SnapshotSet.open(collect(context(pool, given, splits, run), [0], bases)[0]), bases


@pytest.mark.parametrize("kind", get_args(Strategy), ids=lambda kind: kind.__name__)
def test_rows_in_fact_are_rows_on_paper(kind: type, context_config, splits, watcher, tmp_path: Path) -> None:
    strategy = short(kind)
    stored, _ = collected(context_config(strategy=strategy), splits, watcher, tmp_path)
    matrix, scalars = stored.matrix()
    assert len(matrix) == strategy.planned
    assert set(scalars.column("strategy").to_pylist()) == {strategy.kind}
    keys = list(zip(scalars.column("run").to_pylist(), scalars.column("step").to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)
    assert all(later > earlier for (one, earlier), (two, later) in itertools.pairwise(keys) if one == two)
    assert len(np.unique(matrix, axis=0)) == len(matrix)


def test_the_last_row_of_a_whole_run_is_the_network_itself(context_config, splits, watcher, tmp_path: Path) -> None:
    stored, bases = collected(context_config(strategy=short(WholeRun)), splits, watcher, tmp_path)
    matrix, scalars = stored.matrix()
    state, _ = read_tensors(bases[0].path)
    assert torch.equal(torch.from_numpy(matrix[-1]), stored.layout.flatten(state))
    last = scalars.slice(scalars.num_rows - 1).to_pylist()[0]
    assert last["accuracy"] == last["accuracy_reloaded"]


def test_many_seeds_are_the_ends_of_trainings_of_their_own(context_config, splits, watcher, tmp_path: Path) -> None:
    given = context_config(strategy=short(ManySeeds))
    stored, _ = collected(given, splits, watcher, tmp_path)
    worker_context = ClassifierContext(given, splits)
    seed = derive(0, "restart", 2)
    network = worker_context.network(seed)
    list(
        worker_context.carry_out(
            given.strategy.phases()[0], network, worker_context.layout, seed, Record(), lambda *_: None
        )
    )
    assert torch.equal(torch.from_numpy(stored.matrix()[0][1]), worker_context.layout.flatten(network.state_dict()))


def test_strategies_that_begin_alike_share_their_network(context_config, splits, watcher, tmp_path: Path) -> None:
    alike = [Shrink, FourBn, ManySeeds]
    bases = [collected(context_config(strategy=short(kind)), splits, watcher, tmp_path)[1] for kind in alike]
    assert len({ref.path for each in bases for ref in each}) == 1


def test_reordered_names_give_the_same_rows(context_config, splits, watcher, tmp_path: Path) -> None:
    one, _ = collected(context_config(strategy=short(Shrink)), splits, watcher, tmp_path)
    two, _ = collected(context_config(strategy=short(ShrinkReordered)), splits, watcher, tmp_path)
    assert np.array_equal(one.matrix()[0], two.matrix()[0])
