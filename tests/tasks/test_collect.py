"""Collection from several initialisations: rows of each lie together, and each begins from values of its own."""

from pathlib import Path

import torch

from methods.collection.strategy import Restarts, Training
from storage.snapshot_set import SnapshotSet
from tasks.collect import begin_anew, collect
from tasks.laboratory import Laboratory
from tasks.pool import InlinePool
from tasks.rows import Material, rows_of
from tasks.run import Run
from tasks.train import opening, train

SLOW = Training(epochs=10, batch_size=4, learning_rate=1e-6, weight_decay=0.0)
STRATEGY = Restarts(keep=("linear.*",), first=SLOW, warm=SLOW, then=SLOW, restarts=3, rows=10)


def test_rows_of_every_restart_are_a_run_of_their_own(apparatus, splits, watcher, tmp_path: Path) -> None:
    given = apparatus(strategy=STRATEGY)
    run = Run(home=str(tmp_path), run_id="run", preset="custom", seed=0)
    pool = InlinePool(given, splits, watcher)
    assert len(opening(given)) == 1
    bases = train(pool, given, splits, [0], run)
    snapshots, _ = collect(pool, given, splits, [0], bases, run)
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


def test_only_what_a_row_holds_begins_anew(apparatus, splits) -> None:
    laboratory = Laboratory(apparatus(strategy=STRATEGY), splits)
    network, fresh = laboratory.network(0), laboratory.network(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    begin_anew(network, fresh, laboratory.layout)
    for name, value in network.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name] if name.startswith("linear.") else before[name]), name
