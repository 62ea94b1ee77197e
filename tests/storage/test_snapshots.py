import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from methods.errors import BadData, BadSetting
from methods.layout import Entry, Layout
from storage import shards
from storage.errors import DoubledRows, ForeignLayout, NotCommitted, TornShard, WrongHash
from storage.files import sha256
from storage.manifest import read_part
from storage.rows import Row, blocks
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from storage.verification import verify

CHECKOUT = Path(__file__).parents[2]


def layout_of(size: int) -> Layout:
    return Layout(entries=(Entry(name="layer.weight", shape=(size,), offset=0),), buffers="frozen")


def make_rows(count: int, size: int = 4, *, seed: int = 0) -> list[Row]:
    """Parameters are arbitrary bits: NaN, infinities, -0.0 and denormals are among them."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (count, size), np.uint32)
    bits.reshape(-1)[:4] = [0x80000000, 0x00000001, 0x7FC00001, 0xFF800000][: bits.size]
    return [
        Row(
            run=f"run-{seed}", strategy="one", data="digits", seed=seed, epoch=step / 2, step=step, lr=0.1,
            accuracy=step / 100, accuracy_reloaded=float("nan"), parameters=bits[step].view(np.float32),
        )
        for step in range(count)
    ]  # fmt: skip


def bits(matrix: np.ndarray) -> bytes:
    return np.ascontiguousarray(matrix).tobytes()


def expected(rows: list[Row]) -> bytes:
    return b"".join(bits(row.parameters) for row in rows)


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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 9),
    size=st.integers(1, 70),
    per_shard=st.integers(1, 10),
    per_group=st.integers(1, 4),
    seeds=st.sets(st.integers(0, 2)),
    epochs=st.tuples(st.floats(-1, 5), st.floats(-1, 5)),
    accuracy=st.floats(0, 0.1),
)
def test_selection_equals_a_filter_over_all_rows(
    tmp_path: Path, count: int, size: int, per_shard: int, per_group: int, seeds, epochs, accuracy
) -> None:
    folder, layout = tmp_path / uuid4().hex, layout_of(size)
    rows = [row for seed in range(2) for row in make_rows(count, size, seed=seed)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.rows.GROUP_BYTES", 4 * size * per_group)
        for seed in range(2):
            write_part(folder, f"part-{seed}", rows[seed * count :][:count], layout, rows_per_shard=per_shard)
    commit(folder, ["part-0", "part-1"], layout, {})
    snapshots = SnapshotSet.open(folder)
    chosen = [
        row for row in rows
        if row.seed in seeds and epochs[0] <= row.epoch <= epochs[1] and row.accuracy >= accuracy
    ]  # fmt: skip
    matrix, scalars = snapshots.matrix(seeds=sorted(seeds), epochs=epochs, min_accuracy=accuracy)
    assert matrix.shape == (len(chosen), size)
    assert bits(matrix) == expected(chosen)
    assert scalars.column("step").to_pylist() == [row.step for row in chosen]
    assert snapshots.scalars(seeds=sorted(seeds)).num_rows == count * len(seeds & {0, 1})
    assert b"".join(bits(block) for block, _ in snapshots.batches()) == expected(rows)
    for block, table in snapshots.batches(min_accuracy=accuracy):
        assert 1 <= len(block) == table.num_rows <= per_group


def test_only_chosen_row_groups_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 100
    monkeypatch.setattr("storage.rows.GROUP_BYTES", 4 * size)
    write_part(tmp_path, "part", make_rows(12, size), layout_of(size), rows_per_shard=4)
    commit(tmp_path, ["part"], layout_of(size), {})
    snapshots = SnapshotSet.open(tmp_path)
    wanted = snapshots.matrix(epochs=(4.5, 5))[0]
    for number, shard in enumerate(snapshots.shards):
        path = tmp_path / shard.file
        content, metadata = bytearray(path.read_bytes()), pq.read_metadata(path)
        for group in range(4):
            chunk = metadata.row_group(group).column(9)
            assert chunk.path_in_schema == shards.ELEMENT
            if (number, group) not in [(2, 1), (2, 2)]:  # the steps 9 and 10
                content[chunk.data_page_offset : chunk.data_page_offset + 30] = bytes(30)
        path.write_bytes(content)
    assert bits(snapshots.matrix(epochs=(4.5, 5))[0]) == bits(wanted)
    assert snapshots.scalars(min_accuracy=0.05).num_rows == 7
    with pytest.raises(WrongHash):
        snapshots.matrix(epochs=(4, 5))


def test_batches_of_whole_groups_are_not_copied(tmp_path: Path) -> None:
    write_part(tmp_path, "part", make_rows(6), layout_of(4), rows_per_shard=3)
    commit(tmp_path, ["part"], layout_of(4), {})
    for block, _ in SnapshotSet.open(tmp_path).batches():
        assert not block.flags.owndata
        assert not block.flags.writeable


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


WRITER = """
import sys, time
sys.path.insert(0, sys.argv[1])
import test_snapshots as here
def slow():
    for row in here.make_rows(20, seed=1):
        yield row
        if row.step == 12:
            print("half", flush=True)
            time.sleep(600)
here.write_part(sys.argv[2], "b", slow(), here.layout_of(4), rows_per_shard=3)
"""


def test_killed_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    layout, first, second = layout_of(4), make_rows(5), make_rows(20, seed=1)
    write_part(tmp_path, "a", first, layout)
    commit(tmp_path, ["a"], layout, {})
    command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        os.kill(process.pid, signal.SIGKILL)
    left = [path for path in (tmp_path / "shards").iterdir() if path.name.lstrip(".").startswith("b-")]
    assert left
    assert read_part(tmp_path, "b") is None
    with pytest.raises(NotCommitted):
        commit(tmp_path, ["a", "b"], layout, {})
    assert bits(SnapshotSet.open(tmp_path).matrix()[0]) == expected(first)
    assert set(verify(tmp_path).strays) == {f"shards/{path.name}" for path in left}

    write_part(tmp_path, "b", second, layout, rows_per_shard=20)
    commit(tmp_path, ["a", "b"], layout, {})
    assert bits(SnapshotSet.open(tmp_path).matrix()[0]) == expected(first + second)
    assert verify(tmp_path).strays == ()


FULL = """
import json, sys
sys.path.insert(0, sys.argv[2])
import test_snapshots as here
folder, size = sys.argv[1] + "/set", 100_000
layout = here.layout_of(size)
here.write_part(folder, "a", here.make_rows(2, size), layout)
before = here.commit(folder, ["a"], layout, {})
try:
    here.write_part(folder, "b", here.make_rows(20, size, seed=1), layout, rows_per_shard=2)
except Exception as error:
    report = here.verify(folder)
    report.raise_first()
    assert here.SnapshotSet.open(before).rows == 2 and here.read_part(folder, "b") is None
    temporary = [str(path) for path in here.Path(folder).rglob("*.tmp-*")]
    print(json.dumps({"kind": type(error).__name__, "text": str(error), "temporary": temporary}))
here.write_part(folder, "b", here.make_rows(1, size, seed=1), layout)
here.commit(folder, ["a", "b"], layout, {})
print(here.SnapshotSet.open(folder).rows)
"""


def test_full_disk_keeps_what_was_committed(on_mount) -> None:
    script = FULL.replace("sys.argv[2]", repr(str(Path(__file__).parent)))
    error, rows = on_mount(script, "size=4m").splitlines()
    found = json.loads(error)
    assert found["kind"] == "StorageFull"
    assert "shards/b-0" in found["text"]
    assert found["temporary"] == []
    assert int(rows) == 3


def test_a_new_shard_is_read_back_before_it_is_published(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    shards.write_shard(path, next(blocks(make_rows(3), 4, 3)))
    shards.check_rows(path, 3)
    with pytest.raises(TornShard, match="3 rows, not 4"):
        shards.check_rows(path, 4)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TornShard, match="read back"):
        shards.check_rows(path, 3)
