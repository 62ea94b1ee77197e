"""The rows of one network: cut as the hold-out says, in memory or mapped from a file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from methods.generation.holdout import hold_out
from methods.layout import Entry, Layout
from storage.files import Ref
from storage.rows import Row
from storage.snapshots import commit, write_part
from tasks.classifiers import training_rows as tasks_rows
from tasks.classifiers.training_rows import Material, matrix_of, rows_of

COUNT, SIZES = 24, (30, 11)
ENTRIES = (Entry(name="a", shape=(30,), offset=0), Entry(name="b", shape=(11,), offset=30))
LAYOUT = Layout(entries=ENTRIES, buffers="frozen")


def numbers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((COUNT, sum(SIZES)), np.float32)


@pytest.fixture
def snapshots(tmp_path: Path) -> Ref:
    for seed in (0, 1):
        rows = (
            Row(
                run="run", strategy="one", data="digits", seed=seed, epoch=step, step=step, lr=0.1,
                accuracy=0.5, accuracy_reloaded=step / 100, parameters=parameters,
            )
            for step, parameters in enumerate(numbers(seed))
        )  # fmt: skip
        write_part(tmp_path, f"part-{seed}", rows, LAYOUT, rows_per_shard=7)
    return commit(tmp_path, ["part-0", "part-1"], LAYOUT, {})


@pytest.fixture(params=["in memory", "mapped"])
def _kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_rows, "IN_MEMORY", 2**30 if request.param == "in memory" else 0)
    monkeypatch.setattr("methods.columns.COLUMNS", 16)


@pytest.mark.usefixtures("_kept")
def test_rows_are_those_that_the_hold_out_names(snapshots: Ref) -> None:
    rows, split = rows_of(Material(snapshots=snapshots), 1)
    expected = numbers(1)
    again = hold_out(expected)
    assert split.train.tolist() == again.train.tolist()
    assert split.held_out.tolist() == again.held_out.tolist()
    assert len(split.train) + len(split.held_out) < COUNT  # a gap is in neither
    assert np.array_equal(rows.train.numpy(), expected[split.train])
    assert np.array_equal(rows.held_out.numpy(), expected[split.held_out])
    assert torch.equal(rows.validation_accuracy, torch.from_numpy(split.train / 100))
    assert rows.sizes == SIZES
    assert rows.train.is_contiguous()
    assert rows.held_out.is_contiguous()


def test_large_matrices_are_mapped_and_small_ones_are_not(snapshots: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = numbers(0).nbytes
    for bytes_, mapped in ((limit, False), (limit - 1, True)):
        monkeypatch.setattr(tasks_rows, "IN_MEMORY", bytes_)
        matrix, scalars, _ = matrix_of(snapshots, 0)
        assert isinstance(matrix, np.memmap) == mapped
        assert np.array_equal(matrix, numbers(0))
        assert scalars.column("step").to_pylist() == list(range(COUNT))


def test_rows_are_decoded_once_for_all_jobs_on_a_network(snapshots: Ref, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(tasks_rows, "matrix_of", lambda *which: decoded.append(which[1]) or matrix_of(*which))
    found = [rows_of(Material(snapshots=snapshots), seed)[0].train for seed in (0, 0, 1, 1)]
    assert decoded == [0, 1]
    assert not torch.equal(found[0], found[2])
