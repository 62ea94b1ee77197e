"""Reading sets: selections, in memory, in batches and mapped from a file."""

import dataclasses
import itertools
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.errors import WrongHash
from storage.rows import PLANES, SCALARS
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from tests.storage.snapshot_rows import bits, expected, layout_of, make_rows


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


def test_rows_are_filtered_by_what_they_come_from(tmp_path: Path) -> None:
    """One set of several strategies, data sets, seeds, with and without a backdoor."""
    layout, rows = layout_of(3), []
    kinds = itertools.product(("shrink", "four_bn"), ("digits", "mnist"), (False, True), (0, 1))
    for number, (strategy, data, poisoned, seed) in enumerate(kinds):
        origin = {"strategy": strategy, "data": data, "poisoned": poisoned, "seed": seed, "run": f"run-{number}"}
        made = [dataclasses.replace(row, **origin) for row in make_rows(2, 3, seed=number)]
        write_part(tmp_path, f"part-{number}", made, layout)
        rows += made
    commit(tmp_path, [f"part-{number}" for number in range(16)], layout, {})
    stored = SnapshotSet.open(tmp_path)
    assert bits(stored.matrix(poisoned=True)[0]) == expected([row for row in rows if row.poisoned])
    chosen = [row for row in rows if (row.strategy, row.data, row.poisoned, row.seed) == ("four_bn", "mnist", False, 1)]
    matrix, scalars = stored.matrix(strategies=["four_bn"], data=["mnist"], poisoned=False, seeds=[1])
    assert bits(matrix) == expected(chosen)
    assert scalars.column("poisoned").to_pylist() == [False, False]
    assert stored.scalars(strategies=["unheard of"]).num_rows == 0


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
            for column in range(len(SCALARS), len(SCALARS) + 4):
                chunk = metadata.row_group(group).column(column)
                assert chunk.path_in_schema in PLANES
                if (number, group) not in [(2, 1), (2, 2)]:  # the steps 9 and 10
                    content[chunk.data_page_offset : chunk.data_page_offset + 30] = bytes(30)
        path.write_bytes(content)
    assert bits(snapshots.matrix(epochs=(4.5, 5))[0]) == bits(wanted)
    assert snapshots.scalars(min_accuracy=0.05).num_rows == 7
    with pytest.raises(WrongHash):
        snapshots.matrix(epochs=(4, 5))


def test_a_mapped_matrix_is_the_matrix_and_leaves_no_file(tmp_path: Path) -> None:
    rows = make_rows(7, 50)
    write_part(tmp_path, "part", rows, layout_of(50), rows_per_shard=3)
    commit(tmp_path, ["part"], layout_of(50), {})
    before = sorted(tmp_path.rglob("*"))
    snapshots = SnapshotSet.open(tmp_path)
    matrix, scalars = snapshots.mapped(min_accuracy=0.02)
    assert isinstance(matrix, np.memmap)
    assert sorted(tmp_path.rglob("*")) == before
    assert bits(matrix) == expected(rows[2:])
    assert scalars.column("step").to_pylist() == [2, 3, 4, 5, 6]
    matrix[:] = 1  # writable, and nobody else's
    assert bits(snapshots.matrix()[0]) == expected(rows)


def test_shards_hold_the_bytes_of_the_numbers_plane_by_plane(tmp_path: Path) -> None:
    rows = make_rows(3, 5)
    write_part(tmp_path, "part", rows, layout_of(5))
    commit(tmp_path, ["part"], layout_of(5), {})
    table = pq.read_table(tmp_path / SnapshotSet.open(tmp_path).shards[0].file)
    for number, row in enumerate(rows):
        planes = [np.frombuffer(table.column(name)[number].as_py(), np.uint8) for name in PLANES]
        assert np.stack(planes, 1).tobytes() == row.parameters.tobytes()


FULL = """
import json, os, sys
import numpy as np
from storage.scratch import mapped
blocks = (np.ones((10, 100_000), np.float32) for _ in range(3))
try:
    mapped(blocks, 100_000, sys.argv[1])
except Exception as error:
    print(json.dumps({"kind": type(error).__name__, "left": os.listdir(sys.argv[1])}))
"""


def test_a_disk_too_full_to_map_from_is_said_to_be(on_mount) -> None:
    assert on_mount(FULL, "size=8m").strip() == '{"kind": "StorageFull", "left": []}'
