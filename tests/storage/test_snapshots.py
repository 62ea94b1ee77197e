"""Writing parts and committing sets."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from methods.errors import BadData, BadSetting
from storage.errors import DoubledRows, ForeignLayout, NotCommitted, WrongHash
from storage.files import sha256
from storage.manifest import read_part
from storage.rows import Row
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from storage.verification import verify
from tests.storage.snapshot_rows import bits, expected, layout_of, make_rows


@pytest.fixture(params=["path", "file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "path": str(tmp_path / "set"),
        "file": (tmp_path / "set").as_uri(),
        "memory": f"fsspec+memory:///{uuid4().hex}",
    }[request.param]


def test_set_round_trip_everywhere(folder: str) -> None:
    first, second = make_rows(5), make_rows(3, seed=1)
    layout = layout_of(4)
    write_part(folder, "b", first, layout, rows_per_shard=2)
    assert read_part(folder, "a") is None
    write_part(folder, "a", second, layout, rows_per_shard=2)
    ref = commit(folder, ["b", "a"], layout, {"network": "small", "nested": [1, None]})
    for where in (folder, ref):
        found = SnapshotSet.open(where)
        assert (found.rows, found.size, len(found.shards)) == (8, 4, 5)
        assert found.layout == layout
        assert found.metadata == {"network": "small", "nested": [1, None]}
        assert found.bytes == sum(shard.bytes for shard in found.shards) > 0
        matrix, scalars = found.matrix()
        assert bits(matrix) == expected(first + second)
        for row, stored in zip(first + second, scalars.to_pylist(), strict=True):
            for name, value in stored.items():
                np.testing.assert_equal(value, getattr(row, name))
    report = verify(folder)
    report.raise_first()
    assert report.strays == ()


def test_producer_may_reuse_its_buffer(tmp_path: Path) -> None:
    def reused() -> Iterator[Row]:
        buffer = np.empty(4, np.float32)
        for row in make_rows(5):
            buffer[:] = step = row.step
            yield dataclasses.replace(row, parameters=buffer, step=step)

    write_part(tmp_path, "part", reused(), layout_of(4), rows_per_shard=2)
    commit(tmp_path, ["part"], layout_of(4), {})
    assert SnapshotSet.open(tmp_path).matrix()[0][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_same_rows_give_the_same_hash(tmp_path: Path) -> None:
    refs = []
    for name in ("one", "two"):
        write_part(tmp_path / name, "part", make_rows(4), layout_of(4), rows_per_shard=3)
        refs.append(commit(tmp_path / name, ["part"], layout_of(4), {"a": 1}))
    assert refs[0].sha256 == refs[1].sha256


def test_rows_that_do_not_fit_and_empty_parts(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"shape \(5,\)"):
        write_part(tmp_path, "part", make_rows(2, size=5), layout_of(4))
    doubles = [dataclasses.replace(row, parameters=row.parameters.astype(np.float64)) for row in make_rows(1)]
    with pytest.raises(BadData, match="float64"):
        write_part(tmp_path, "part", doubles, layout_of(4))
    with pytest.raises(BadData, match="no rows"):
        write_part(tmp_path, "part", [], layout_of(4))
    for name in ("", "../up", ".hidden", "a/b"):
        with pytest.raises(BadSetting, match="cannot name a part"):
            write_part(tmp_path, name, make_rows(1), layout_of(4))


def test_one_folder_holds_one_layout(tmp_path: Path) -> None:
    write_part(tmp_path, "part", make_rows(2), layout_of(4))
    with pytest.raises(ForeignLayout, match="4 numbers"):
        write_part(tmp_path, "other", make_rows(2, size=5), layout_of(5))
    with pytest.raises(ForeignLayout):
        commit(tmp_path, ["part"], layout_of(5), {})


def test_commit_refuses_missing_parts_and_doubled_rows(tmp_path: Path) -> None:
    layout = layout_of(4)
    write_part(tmp_path, "a", make_rows(3), layout)
    with pytest.raises(NotCommitted, match=r"1 of 2 parts: b\n") as raised:
        commit(tmp_path, ["a", "b"], layout, {})
    assert "again" in raised.value.remedy
    with pytest.raises(NotCommitted):
        SnapshotSet.open(tmp_path)
    write_part(tmp_path, "b", make_rows(5), layout)
    with pytest.raises(DoubledRows, match="3 rows"):
        commit(tmp_path, ["a", "b"], layout, {})
    with pytest.raises(DoubledRows):
        commit(tmp_path, ["a", "a"], layout, {})


def test_rewriting_a_part_keeps_the_set_readable_until_the_next_commit(tmp_path: Path) -> None:
    layout, old, new = layout_of(4), make_rows(4), make_rows(2, seed=1)
    write_part(tmp_path, "part", old, layout, rows_per_shard=2)
    before = commit(tmp_path, ["part"], layout, {})
    write_part(tmp_path, "part", new, layout)
    assert bits(SnapshotSet.open(before).matrix()[0]) == expected(old)
    commit(tmp_path, ["part"], layout, {})
    assert bits(SnapshotSet.open(tmp_path).matrix()[0]) == expected(new)
    assert len(list((tmp_path / "shards").iterdir())) == 1
    with pytest.raises(WrongHash):
        SnapshotSet.open(before)


def test_failing_producer_changes_nothing(tmp_path: Path) -> None:
    layout, rows = layout_of(4), make_rows(7)
    before = write_part(tmp_path, "part", rows[:2], layout)

    def failing() -> Iterator[Row]:
        yield from rows
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        write_part(tmp_path, "part", failing(), layout, rows_per_shard=2)
    assert sha256(before.path) == before.sha256
    commit(tmp_path, ["part"], layout, {})
    assert SnapshotSet.open(tmp_path).rows == 2
    assert verify(tmp_path).strays == ()
