"""Photographs cut into squares: which split, which pixels, what is converted."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from methods.errors import BadData, BadSetting
from storage.photographs import Photographs, load
from storage.photographs.cutting import crops, tiles
from storage.photographs.embedded import PHOTOGRAPHS

SMALL = {"size": 16, "tiles": 2, "crops": 3}


def picture(number: int, height: int = 40, width: int = 56) -> np.ndarray:
    """A flat colour that no other picture has, so that a square says where it comes from."""
    return np.full((height, width, 3), (number, 255 - number, 7), dtype=np.uint8)


def folder(place: Path, count: int) -> Path:
    for number in range(count):
        Image.fromarray(picture(number)).save(place / f"{number}.png")
    return place


def test_the_embedded_photographs_are_all_there_and_their_splits_are_fixed() -> None:
    settings = Photographs(source="embedded", size=64, tiles=1, crops=1)
    splits = load(settings).splits
    held = {split: {splits.classes[k] for k in getattr(splits, split).labels} for split in ("validation", "test")}
    assert held == {"validation": {"camera", "chelsea"}, "test": {"china", "flower"}}
    assert len(splits.train) == len(PHOTOGRAPHS) - 4
    assert splits.digest == load(settings).splits.digest
    assert splits.shape == (3, 64, 64)


def test_no_photograph_is_in_two_splits_whatever_the_seed(tmp_path: Path) -> None:
    source = f"folder:{folder(tmp_path, 12)}"
    tests = set()
    for seed in range(4):
        splits = load(Photographs(source=source, seed=seed, **SMALL)).splits
        colours = [set(getattr(splits, each).images[:, 0, 0, 0].tolist()) for each in ("train", "validation", "test")]
        assert sum(map(len, colours)) == 12 == len(set.union(*colours))
        assert [len(each) for each in colours] == [8, 2, 2]
        tests.add(frozenset(colours[2]))
    assert len(tests) > 1


def test_what_is_converted_or_left_out_is_said(tmp_path: Path) -> None:
    folder(tmp_path, 6)
    Image.fromarray(picture(77)[..., 0]).save(tmp_path / "grey.png")
    clear = np.dstack([picture(99), np.zeros((40, 56), dtype=np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    Image.fromarray(picture(5)).save(tmp_path / "again.png")
    Image.fromarray(picture(123, 15, 40)).save(tmp_path / "narrow.png")
    album = load(Photographs(source=f"folder:{tmp_path}", **SMALL))
    said = " | ".join(album.remarks)
    for words in ("1 photographs were grey", "1 photographs were transparent", "occur twice", "narrow.png is smaller"):
        assert words in said
    squares = torch.cat([album.splits.train.images, album.splits.validation.images, album.splits.test.images])
    assert any((each == 255).all() for each in squares)  # clear pixels lie over white, whatever colour they hid
    assert any((each == 77).all() for each in squares)


def encoded(number: int) -> dict[str, object]:
    buffer = io.BytesIO()
    Image.fromarray(picture(number)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": f"{number}.png"}


def test_a_parquet_set_keeps_its_test_photographs_and_never_trains_on_them(tmp_path: Path) -> None:
    for split, numbers in (("train", range(8)), ("test", range(6, 10))):
        pq.write_table(pa.table({"image": [encoded(number) for number in numbers]}), tmp_path / f"{split}-0.parquet")
    album = load(Photographs(source=f"parquet:{tmp_path}", **SMALL))
    colours = {
        split: set(getattr(album.splits, split).images[:, 0, 0, 0].tolist())
        for split in ("train", "validation", "test")
    }
    assert colours["test"] == {6, 7, 8, 9}
    assert colours["train"] | colours["validation"] == set(range(6))
    assert len(colours["validation"]) == 1
    assert "2 photographs" in album.remarks[0]


def test_tiles_are_adjacent_and_from_the_middle() -> None:
    columns = torch.arange(70, dtype=torch.uint8).expand(3, 32, 70).contiguous()
    found = tiles(columns, size=16, count=2)
    assert found.shape == (8, 3, 16, 16)
    assert found[:4, 0, 0, 0].tolist() == [3, 19, 35, 51]
    assert tiles(columns, size=16, count=9).shape == (8, 3, 16, 16)  # nothing is enlarged
    assert tiles(columns, size=32, count=1).shape == (2, 3, 32, 32)
    assert tiles(columns, size=16, count=1).shape == (2, 3, 16, 16)


def test_crops_stay_inside_and_a_longer_list_begins_alike() -> None:
    torch.manual_seed(0)
    noise = torch.randint(256, (3, 30, 50), dtype=torch.uint8)
    few, more = (crops(noise, size=16, count=count, seed=1, name="a") for count in (2, 5))
    assert torch.equal(few, more[:2])
    assert not torch.equal(few, crops(noise, size=16, count=2, seed=1, name="b"))
    exact = crops(noise[:, :16], size=16, count=4, seed=0, name="a")  # no room for another scale: pixels as they are
    places = noise[:, :16].unfold(2, 16, 1).permute(2, 0, 1, 3)
    assert all((places == each).flatten(1).all(1).any() for each in exact)


def test_training_squares_may_have_a_size_of_their_own(tmp_path: Path) -> None:
    splits = load(Photographs(source=f"folder:{folder(tmp_path, 4)}", training_size=24, **SMALL)).splits
    assert splits.train.images.shape[1:] == (3, 24, 24)
    assert splits.test.images.shape[1:] == (3, 16, 16)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("embeded", BadSetting, "embeded"),
        ("folder:", BadSetting, "folder"),
        ("folder:{empty}", BadData, "no PNG or JPEG"),
        ("folder:{two}", BadData, "2 photographs, too few for 3 splits"),
        ("parquet:{empty}", BadData, "train"),
    ],
)
def test_what_cannot_be_cut_is_refused(source: str, error: type[Exception], words: str, tmp_path: Path) -> None:
    places = {"empty": tmp_path / "empty", "two": tmp_path / "two"}
    for each in places.values():
        each.mkdir()
    folder(places["two"], 2)
    with pytest.raises(error, match=words):
        load(Photographs(source=source.format(**places), **SMALL))


def test_photographs_that_are_all_too_small(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="smaller than a square"):
        load(Photographs(source=f"folder:{folder(tmp_path, 4)}", size=64))
