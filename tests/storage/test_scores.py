import dataclasses
from pathlib import Path

import numpy as np
import pytest

from methods.errors import BadData
from storage.errors import MissingFile, TornFile
from storage.scores import Scores, read_scores, write_scores


def scores(generator: str, n: int, kind: type = np.uint8, images: tuple[int, int] = (7, 5)) -> Scores:
    rng = np.random.default_rng(n)
    return Scores(
        generator=np.array([generator] * n),
        seed=rng.integers(0, 2**62, n),
        index=np.arange(n),
        validation_accuracy=rng.random(n),
        test_accuracy=np.full(n, np.nan),
        validation_predictions=rng.integers(0, np.iinfo(kind).max, (n, images[0]), kind, endpoint=True),
        test_predictions=rng.integers(0, np.iinfo(kind).max, (n, images[1]), kind, endpoint=True),
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_round_trip_over_several_files(tmp_path: Path, kind: type) -> None:
    written = [scores("mean", 1, kind), scores("latent_ddpm", 4, kind), scores("gaussian", 0, kind)]
    for number, block in enumerate(written):
        write_scores(tmp_path / f"{number}.parquet", block)
    found = read_scores([tmp_path / f"{number}.parquet" for number in range(3)])
    assert len(found) == 5
    for field in dataclasses.fields(Scores):
        column = np.concatenate([getattr(block, field.name) for block in written])
        np.testing.assert_array_equal(getattr(found, field.name), column)
        if field.name != "generator":
            assert getattr(found, field.name).dtype == column.dtype


def test_columns_of_unequal_length_and_wrong_type(tmp_path: Path) -> None:
    good = scores("mean", 3)
    for change in ({"seed": good.seed[:2]}, {"test_predictions": good.test_predictions.astype(np.int64)}):
        with pytest.raises(BadData, match=next(iter(change))):
            write_scores(tmp_path / "bad.parquet", dataclasses.replace(good, **change))
    assert list(tmp_path.iterdir()) == []


def test_files_over_different_images_are_refused(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.parquet", scores("mean", 2))
    write_scores(tmp_path / "b.parquet", scores("mean", 2, images=(7, 6)))
    with pytest.raises(BadData, match=r"b\.parquet holds 6 test_predictions"):
        read_scores([tmp_path / "a.parquet", tmp_path / "b.parquet"])


def test_missing_torn_and_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(MissingFile):
        read_scores([path])
    write_scores(path, scores("mean", 50, images=(300, 300)))
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    with pytest.raises(TornFile):
        read_scores([path])
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(TornFile):
        read_scores([path])
    with pytest.raises(BadData):
        read_scores([])
