import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from methods.layout import Entry, Layout
from storage.errors import (
    ForeignLayout,
    MissingFile,
    MissingShard,
    NotCommitted,
    StorageError,
    TornFile,
    TornShard,
    UnknownSchema,
    WrongHash,
)
from storage.rows import Row
from storage.snapshot_set import SnapshotSet
from storage.snapshots import commit, write_part
from storage.verification import verify

LAYOUT = Layout(entries=(Entry(name="layer.weight", shape=(64,), offset=0),), buffers="frozen")


def rows(seed: int) -> list[Row]:
    numbers = np.random.default_rng(seed).standard_normal((6, 64), np.float32)
    return [
        Row(
            run="run", strategy="one", data="digits", seed=seed, epoch=step, step=step, lr=0.1,
            accuracy=0.5, accuracy_reloaded=0.5, parameters=numbers[step],
        )
        for step in range(6)
    ]  # fmt: skip


@pytest.fixture
def committed(tmp_path: Path) -> SnapshotSet:
    for seed in range(2):
        write_part(tmp_path, f"part-{seed}", rows(seed), LAYOUT, rows_per_shard=3)
    commit(tmp_path, ["part-0", "part-1"], LAYOUT, {})
    return SnapshotSet.open(tmp_path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def lose_footer(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-20] + bytes(20))


def flip(path: Path) -> None:
    content, chunk = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(0).column(9)
    content[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [(Path.unlink, MissingShard), (truncate, TornShard), (lose_footer, WrongHash), (flip, WrongHash)],
)
def test_damage_is_found_by_verifying_and_by_reading(
    committed: SnapshotSet, damage: Callable[[Path], None], kind: type[StorageError]
) -> None:
    path = Path(committed.folder) / committed.shards[2].file
    damage(path)
    report = verify(committed.folder)
    assert [(file.file, type(file.error)) for file in report.files if file.error] == [(committed.shards[2].file, kind)]
    with pytest.raises(kind) as raised:
        report.raise_first()
    assert raised.value.path == str(path)
    assert raised.value.remedy
    with pytest.raises(kind):
        committed.matrix()
    with pytest.raises(kind):
        list(committed.batches())


@pytest.mark.parametrize("damage", [Path.unlink, truncate, lose_footer])
def test_a_damaged_part_is_named_and_can_be_written_again(
    committed: SnapshotSet, damage: Callable[[Path], None]
) -> None:
    damage(Path(committed.folder) / committed.shards[2].file)
    with pytest.raises(StorageError, match="part-1-"):
        commit(committed.folder, ["part-0", "part-1"], LAYOUT, {})
    write_part(committed.folder, "part-1", rows(1), LAYOUT, rows_per_shard=3)
    commit(committed.folder, ["part-0", "part-1"], LAYOUT, {})
    verify(committed.folder).raise_first()


def test_no_flipped_bit_goes_unnoticed(committed: SnapshotSet) -> None:
    """Whichever bit flips, reading either raises or returns exactly what was written (padding, unused metadata)."""
    path = Path(committed.folder) / committed.shards[0].file
    good, (matrix, scalars) = path.read_bytes(), committed.matrix()
    refused = 0
    positions = np.random.default_rng(0).choice(len(good), 400, replace=False)
    for position in positions:
        content = bytearray(good)
        content[position] ^= 1 << (position % 8)
        path.write_bytes(content)
        try:
            found, table = committed.matrix()
        except WrongHash:
            refused += 1
        else:
            assert np.array_equal(found, matrix)
            assert table.equals(scalars)
    assert refused > 200


def test_strays_are_listed_and_not_read(committed: SnapshotSet) -> None:
    folder = Path(committed.folder)
    shard = folder / committed.shards[0].file
    (folder / "shards" / "copy.parquet").write_bytes(shard.read_bytes())
    (folder / "shards" / "torn.parquet").write_bytes(b"PAR1")
    (folder / "notes.txt").write_text("mine")
    report = verify(folder)
    report.raise_first()
    assert report.strays == ("notes.txt", "shards/copy.parquet", "shards/torn.parquet")
    assert SnapshotSet.open(folder).matrix()[0].shape == (12, 64)


def test_foreign_and_missing_layout(committed: SnapshotSet) -> None:
    path = Path(committed.folder) / "layout.json"
    stored = json.loads(path.read_text())
    stored["entries"][0]["name"] = "another.weight"
    path.write_text(json.dumps(stored))
    with pytest.raises(ForeignLayout):
        SnapshotSet.open(committed.folder)
    with pytest.raises(ForeignLayout):
        verify(committed.folder).raise_first()
    path.unlink()
    with pytest.raises(MissingFile):
        verify(committed.folder).raise_first()


def test_unreadable_entries(committed: SnapshotSet) -> None:
    path = Path(committed.folder) / "entry.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "schema": 99}))
    for read in (verify, SnapshotSet.open):
        with pytest.raises(UnknownSchema, match="99"):
            read(committed.folder)
    truncate(path)
    for read in (verify, SnapshotSet.open):
        with pytest.raises(TornFile):
            read(committed.folder)
    path.unlink()
    for read in (verify, SnapshotSet.open):
        with pytest.raises(NotCommitted, match=r"entry\.json"):
            read(committed.folder)
