"""What stops a writer: kill, a full disk, a torn file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage import shards
from storage.errors import NotCommitted, TornShard
from storage.manifest import read_part
from storage.rows import blocks
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from storage.verification import verify
from tests.storage.snapshot_rows import bits, expected, layout_of, make_rows

CHECKOUT = Path(__file__).parents[2]

WRITER = """
import sys, time
from storage.snapshots import write_part
from tests.storage.snapshot_rows import layout_of, make_rows
def slow():
    for row in make_rows(20, seed=1):
        yield row
        if row.step == 12:
            print("half", flush=True)
            time.sleep(600)
write_part(sys.argv[1], "b", slow(), layout_of(4), rows_per_shard=3)
"""


def test_killed_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    layout, first, second = layout_of(4), make_rows(5), make_rows(20, seed=1)
    write_part(tmp_path, "a", first, layout)
    commit(tmp_path, ["a"], layout, {})
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
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
from pathlib import Path
from storage.manifest import read_part
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from storage.verification import verify
from tests.storage.snapshot_rows import layout_of, make_rows
folder, size = sys.argv[1] + "/set", 100_000
layout = layout_of(size)
write_part(folder, "a", make_rows(2, size), layout)
before = commit(folder, ["a"], layout, {})
try:
    write_part(folder, "b", make_rows(20, size, seed=1), layout, rows_per_shard=2)
except Exception as error:
    report = verify(folder)
    report.raise_first()
    assert SnapshotSet.open(before).rows == 2 and read_part(folder, "b") is None
    temporary = [str(path) for path in Path(folder).rglob("*.tmp-*")]
    print(json.dumps({"kind": type(error).__name__, "text": str(error), "temporary": temporary}))
write_part(folder, "b", make_rows(1, size, seed=1), layout)
commit(folder, ["a", "b"], layout, {})
print(SnapshotSet.open(folder).rows)
"""


def test_full_disk_keeps_what_was_committed(on_mount) -> None:
    error, rows = on_mount(FULL, "size=4m").splitlines()
    found = json.loads(error)
    assert found["kind"] == "StorageFull"
    assert "shards/b-0" in found["text"]
    assert found["temporary"] == []
    assert int(rows) == 3


def test_a_new_shard_is_read_back_before_it_is_published(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    shards.write_shard(path, next(blocks(make_rows(3), 4, 3, kept=1)))
    shards.check_rows(path, 3)
    with pytest.raises(TornShard, match="3 rows, not 4"):
        shards.check_rows(path, 4)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TornShard, match="read back"):
        shards.check_rows(path, 3)
