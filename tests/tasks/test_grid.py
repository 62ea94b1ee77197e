"""Many collections in one set: clean and poisoned, two strategies, two seeds; killed halfway, and grown."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from methods.backdoor.badnets import BadNets
from methods.collection.phase import Training
from methods.collection.shrinking import Shrink
from methods.collection.strategy import LastPhase
from methods.errors import BadData
from models import ConvNet
from storage.datasets import Data
from storage.snapshot_set import SnapshotSet
from tasks.classifiers import bulk_collection as grid
from tasks.classifiers import planned_data
from tasks.classifiers.bulk_collection import Unit, collect_grid, set_folder, train_grid, worker_context_of
from tasks.classifiers.classifier_context import ContextConfig
from tasks.classifiers.collection_estimate import epochs_of, seconds_of
from tasks.runtime.pool import InlinePool
from tasks.runtime.resources import Resources
from tasks.runtime.run import Run

BRIEF = Training(epochs=2, batch_size=20, learning_rate=0.01)
HEAD = ("linear.*",)
STAGES = (("hidden.*", "linear.*"), ("linear.*",))
STRATEGIES = (
    LastPhase(keep=HEAD, first=BRIEF, then=BRIEF, rows=4),
    Shrink(first=BRIEF, then=BRIEF, stages=STAGES, rows=6),
)
NETWORK = ConvNet(channels=(2,), hidden=4)
DATA = Data(source="digits", train_limit=60, test_limit=20)


def units(home: Path, seeds: tuple[int, ...] = (0, 1)) -> list[Unit]:
    found = []
    for strategy in STRATEGIES:
        context_config = ContextConfig(data=DATA, network=NETWORK, strategy=strategy, resources=Resources())
        digest = planned_data._loaded(DATA, str(home)).digest
        for poison in (None, BadNets()):
            found += [Unit(context_config=context_config, digest=digest, seed=seed, poison=poison) for seed in seeds]
    return found


@pytest.fixture
def collected(watcher, tmp_path: Path):
    """Collects the units below a home of the given name."""

    def run(name: str, chosen: list[Unit] | None = None) -> SnapshotSet:
        home = tmp_path / name
        order = Run(home=str(home), run_id="collect", preset="custom", seed=0, reads="several")
        wanted = chosen or units(home)
        first = worker_context_of(wanted[0].context_config, str(home), wanted[0].digest)
        pool = InlinePool(wanted[0].context_config, first.splits, watcher)
        folder = set_folder(first.layout, "settings", order)
        bases = train_grid(pool, wanted, order)
        return SnapshotSet.open(collect_grid(pool, wanted, bases, folder, first.layout, {"told": 1}, order))

    return run


def test_rows_of_all_are_found_by_where_they_come_from(collected, tmp_path: Path) -> None:
    stored = collected("home")
    assert stored.rows == 2 * 2 * (4 + 6)
    assert stored.metadata == {"told": 1}
    for strategy, rows in (("last_phase", 4), ("shrink", 6)):
        for poisoned in (False, True):
            kept = stored.scalars(strategies=[strategy], poisoned=poisoned, seeds=[1], data=["digits"])
            assert kept.num_rows == rows
    clean, poisoned = (stored.matrix(strategies=["shrink"], seeds=[0], poisoned=which)[0] for which in (False, True))
    assert not np.array_equal(clean, poisoned)
    # two strategies that begin alike share their network: of two seeds, with and without a backdoor
    assert len(list((tmp_path / "home" / "store" / "base").iterdir())) == 4


def test_a_killed_collection_continues_and_equals_an_uninterrupted_one(collected, tmp_path: Path, monkeypatch) -> None:
    whole = collected("whole", units(tmp_path / "whole", (0,)))
    plain, calls = grid.collect_one, []

    def dies(*arguments, **named):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(1)
        plain(*arguments, **named)

    monkeypatch.setattr(grid, "collect_one", dies)
    with pytest.raises(KeyboardInterrupt):
        collected("killed", units(tmp_path / "killed", (0,)))
    parts = list((tmp_path / "killed").glob("store/snapshots/*/parts/*.json"))
    kept = {path: path.stat().st_mtime_ns for path in parts}
    assert len(kept) == 3
    monkeypatch.setattr(grid, "collect_one", plain)
    again = collected("killed", units(tmp_path / "killed", (0,)))
    assert {path: path.stat().st_mtime_ns for path in parts} == kept
    assert again.entry == whole.entry  # shards are named by their content
    assert np.array_equal(again.matrix()[0], whole.matrix()[0])


def test_a_set_grows(collected, tmp_path: Path) -> None:
    home = tmp_path / "home"
    few = collected("home", units(home, (0,)))
    assert few.rows == 20
    more = collected("home", units(home, (3,)))
    assert more.rows == 40
    assert sorted(set(more.scalars().column("seed").to_pylist())) == [0, 3]
    assert np.array_equal(more.matrix(seeds=[0])[0], few.matrix(seeds=[0])[0])


def test_a_worker_that_reads_other_images_says_so(tmp_path: Path) -> None:
    unit = dataclasses.replace(units(tmp_path)[0], digest="0" * 64)
    with pytest.raises(BadData, match="not those that were planned with"):
        worker_context_of(unit.context_config, str(tmp_path), unit.digest)


def test_an_estimate_counts_all_epochs(tmp_path: Path, monkeypatch) -> None:
    """By a clock that ticks once per step: the opening takes 2 epochs of 3 steps, the rest as many per stage."""
    unit = units(tmp_path)[-1]
    worker_context = worker_context_of(unit.context_config, str(tmp_path), unit.digest)
    monkeypatch.setattr(
        "tasks.classifiers.collection_estimate._timed", lambda worker_context, phase, images, epochs: 1.0 + epochs
    )
    share = len(worker_context.train) / min(60, len(worker_context.train))
    timed = {}
    opened, rest = seconds_of(worker_context, timed)
    assert seconds_of(worker_context, timed) == (opened, rest)  # nothing is timed twice
    assert (opened, rest) == pytest.approx((share * (2 + 1), 2 * share * (2 + 1)))


def test_cycles_are_counted_by_their_rows() -> None:
    from methods.collection.retraining import RetrainFirst

    counted = list(epochs_of(RetrainFirst(rows=30, linger=2.0)))
    assert [epochs for _, epochs in counted] == [100, 45.0]
