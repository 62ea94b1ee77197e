"""Parquet in the Hugging Face layout, folders of images, and the decoding that both share."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from methods.errors import BadData, BadSetting
from storage.datasets import Data, load
from storage.datasets.pixels import decode, fit

SHARED = Path(__file__).parents[3] / "shared" / "data"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(value: int, side: int = 8) -> np.ndarray:
    """Noise that differs from value to value; h w 3."""
    return np.random.RandomState(value).randint(0, 256, (side, side, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def write_parquet(file: Path, values: list[int], *, names=None, label="label", extra=None, images=None) -> None:
    images = [encoded(picture(value)) for value in values] if images is None else images
    columns = {"anything": pa.array([{"bytes": image, "path": f"{k}.png"} for k, image in enumerate(images)], IMAGE)}
    columns[label] = pa.array([value % 3 for value in values], pa.int64())
    table = pa.table(columns | (extra or {}))
    if names:
        features = {"info": {"features": {label: {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, row_group_size=4)


def pairs(*splits) -> dict[bytes, int]:
    return {
        image.numpy().tobytes(): int(label)
        for split in splits
        for image, label in zip(split.images, split.labels, strict=True)
    }


def expected(values) -> dict[bytes, int]:
    return {picture(value).transpose(2, 0, 1).tobytes(): value % 3 for value in values}


def test_parquet_shards_give_their_images_labels_and_class_names(tmp_path):
    names = ["ant", "bee", "cat"]
    write_parquet(tmp_path / "three/train-00000-of-00002.parquet", list(range(14)), names=names)
    write_parquet(tmp_path / "three/train-00001-of-00002.parquet", list(range(14, 24)), names=names)
    write_parquet(tmp_path / "three/test-00000-of-00001.parquet", list(range(24, 33)), names=names)
    splits = load(Data(source=f"parquet:{tmp_path}/three", validation=0.25), home=tmp_path)
    assert splits.name == "three"
    assert splits.classes == ("ant", "bee", "cat")
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [18, 6, 9]
    assert pairs(splits.train, splits.validation) == expected(range(24))
    assert pairs(splits.test) == expected(range(24, 33))


def test_a_limit_leaves_the_other_rows_undecoded(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", list(range(24)))
    write_parquet(tmp_path / "test-0.parquet", list(range(24, 33)))
    data = Data(source=f"parquet:{tmp_path}", train_limit=3, validation=0.125, test_limit=3)
    kept = load(data, home=tmp_path)
    used = pairs(kept.train, kept.validation)
    images = [
        encoded(picture(value)) if picture(value).transpose(2, 0, 1).tobytes() in used else b"never read"
        for value in range(24)
    ]
    write_parquet(tmp_path / "train-0.parquet", list(range(24)), images=images)
    assert load(data, home=tmp_path).digest == kept.digest


def test_a_parquet_validation_split_is_used_instead_of_training_images(tmp_path):
    write_parquet(tmp_path / "train.parquet", list(range(12)))
    write_parquet(tmp_path / "validation-00000-of-00001.parquet", list(range(12, 18)))
    write_parquet(tmp_path / "test.parquet", list(range(18, 24)))
    splits = load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)
    assert pairs(splits.train) == expected(range(12))
    assert pairs(splits.validation) == expected(range(12, 18))
    assert splits.classes == ("0", "1", "2")


def test_the_only_integer_column_holds_the_labels_whatever_its_name(tmp_path):
    for split in ("train", "test"):
        write_parquet(tmp_path / f"{split}.parquet", list(range(9)), label="fine_label", names=["a", "b", "c"])
    splits = load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)
    assert splits.classes == ("a", "b", "c")
    assert pairs(splits.test) == expected(range(9))


def test_several_integer_columns_are_listed(tmp_path):
    for split in ("train", "test"):
        coarse = {"coarse_label": pa.array([0] * 9, pa.int64())}
        write_parquet(tmp_path / f"{split}.parquet", list(range(9)), label="fine_label", extra=coarse)
    with pytest.raises(BadData, match="fine_label, coarse_label"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_parquet_without_a_test_split_says_what_is_there(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", list(range(9)))
    with pytest.raises(BadData, match=r"no test-\*\.parquet in .*train-0\.parquet"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_an_undecodable_parquet_image_is_named_by_its_row(tmp_path):
    images = [encoded(picture(value)) for value in range(9)]
    images[7] = images[7][:60]
    write_parquet(tmp_path / "train-0.parquet", list(range(9)))
    write_parquet(tmp_path / "test-0.parquet", list(range(9)), images=images)
    with pytest.raises(BadData, match=r"row 7 of .*test-0\.parquet \(7\.png\) cannot be decoded"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.parquet").write_bytes(b"<html>not found</html>")
    with pytest.raises(BadData, match=r"train\.parquet cannot be read as Parquet"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_a_label_without_a_class_is_refused(tmp_path):
    write_parquet(tmp_path / "train.parquet", list(range(9)), names=["a", "b"])
    write_parquet(tmp_path / "test.parquet", list(range(9)), names=["a", "b"])
    with pytest.raises(BadData, match=r"image 2 of the train split .* has the label 2; there are 2 classes"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_an_empty_split_is_refused(tmp_path):
    write_parquet(tmp_path / "train.parquet", list(range(9)))
    write_parquet(tmp_path / "test.parquet", [])
    with pytest.raises(BadData, match="no images in the test split"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def test_a_class_with_one_training_image_cannot_lose_it_to_validation(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0, 3, 1, 4, 2], names=["ant", "bee", "cat"])
    write_parquet(tmp_path / "test.parquet", [0, 1, 2], names=["ant", "bee", "cat"])
    with pytest.raises(BadData, match=r"fewer than 2 training images: cat \(1\)"):
        load(Data(source=f"parquet:{tmp_path}"), home=tmp_path)


def write_folder(root: Path, split: str, values, *, names=("ant", "bee", "cat"), side: int = 8) -> None:
    for value in values:
        file = root / split / names[value % 3] / f"{value:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(value, side)))


def test_a_folder_gives_its_images_and_takes_labels_from_the_class_folders(tmp_path):
    write_folder(tmp_path / "insects", "train", range(12))
    write_folder(tmp_path / "insects", "test", range(12, 18))
    splits = load(Data(source=f"folder:{tmp_path}/insects", validation=0.5), home=tmp_path)
    assert splits.name == "insects"
    assert splits.classes == ("ant", "bee", "cat")
    assert pairs(splits.train, splits.validation) == expected(range(12))
    assert pairs(splits.test) == expected(range(12, 18))
    write_folder(tmp_path / "insects", "val", range(18, 24))
    brought = load(Data(source=f"folder:{tmp_path}/insects"), home=tmp_path)
    assert pairs(brought.train) == expected(range(12))
    assert pairs(brought.validation) == expected(range(18, 24))


def test_folders_with_different_classes_are_refused(tmp_path):
    write_folder(tmp_path, "train", range(12))
    write_folder(tmp_path, "test", range(12, 18), names=("ant", "bee", "dog"))
    with pytest.raises(BadData, match="only one of them has cat, dog"):
        load(Data(source=f"folder:{tmp_path}"), home=tmp_path)


@pytest.mark.parametrize("source", ["parquet", "folder"])
def test_a_missing_path_is_named(tmp_path, source):
    with pytest.raises(BadData, match="nowhere") as caught:
        load(Data(source=f"{source}:{tmp_path}/nowhere"), home=tmp_path)
    assert "train" in caught.value.remedy


def test_images_that_differ_ask_for_the_setting_that_helps(tmp_path):
    write_folder(tmp_path, "train", range(12))
    write_folder(tmp_path, "test", range(12, 17))
    write_folder(tmp_path, "test", [17], side=10)
    source = f"folder:{tmp_path}"
    with pytest.raises(BadSetting, match=r"\(3, 10, 10\)") as caught:
        load(Data(source=source), home=tmp_path)
    assert "data.size" in caught.value.remedy
    assert load(Data(source=source, size=8), home=tmp_path).shape == (3, 8, 8)
    (tmp_path / "test/cat/017.png").write_bytes(encoded(picture(17)[..., 0]))
    with pytest.raises(BadSetting, match=r"\(1, 8, 8\)") as caught:
        load(Data(source=source), home=tmp_path)
    assert "data.channels" in caught.value.remedy
    assert load(Data(source=source, channels=1), home=tmp_path).shape == (1, 8, 8)


def test_splits_that_differ_from_each_other_are_refused(tmp_path):
    write_folder(tmp_path, "train", range(12))
    write_folder(tmp_path, "test", range(12, 18), side=10)
    with pytest.raises(BadSetting, match=r"the test split of .* has"):
        load(Data(source=f"folder:{tmp_path}"), home=tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_decode_to_their_pixels(kind):
    colour, grey = picture(1), picture(2)[..., 0]
    assert torch.equal(decode(encoded(colour, kind), name="x"), torch.from_numpy(colour).permute(2, 0, 1))
    assert torch.equal(decode(encoded(grey, kind), name="x"), torch.from_numpy(grey)[None])


def test_transparency_is_dropped_and_other_modes_are_converted():
    colour = picture(3)
    opaque = torch.from_numpy(colour).permute(2, 0, 1)
    alpha = np.concatenate([colour, colour[..., :1]], axis=2)
    assert torch.equal(decode(encoded(alpha), name="x"), opaque)
    assert torch.equal(decode(encoded(alpha[..., [0, 3]]), name="x"), opaque[:1])
    flat = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    buffer = io.BytesIO()
    flat.save(buffer, "JPEG", quality=100)
    red = decode(buffer.getvalue(), name="x").float().mean((1, 2))
    assert (red - torch.tensor([255.0, 0, 0])).abs().max() < 3


SIXTEEN_BITS = encoded(np.full((8, 8), 300, dtype=np.uint16))


@pytest.mark.parametrize(
    "content", [b"", b"text", encoded(picture(4), "JPEG")[:200], encoded(picture(4))[:100], SIXTEEN_BITS]
)
def test_bytes_that_are_no_whole_8_bit_image_are_refused_by_name(content):
    with pytest.raises(BadData, match="row 5 of some file"):
        decode(content, name="row 5 of some file")


def test_fit_resizes_the_shorter_side_and_keeps_the_centre():
    ramp = torch.arange(16, dtype=torch.uint8).mul(16).expand(2, 3, 8, 16).contiguous()
    fitted = fit(ramp, size=8, channels=None)
    assert torch.equal(fitted, ramp[..., 4:12])
    flat = torch.full((1, 3, 30, 20), 77, dtype=torch.uint8)
    assert torch.equal(fit(flat, size=6, channels=3), torch.full((1, 3, 6, 6), 77, dtype=torch.uint8))
    assert torch.equal(fit(ramp, size=None, channels=None), ramp)


def test_channels_are_converted_with_the_usual_luma():
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]], dtype=torch.uint8)[..., None, None]
    grey = fit(colours, size=None, channels=1)
    assert (grey.flatten().float() - torch.tensor([76.2, 149.7, 29.1, 90])).abs().max() <= 1
    assert torch.equal(fit(grey, size=None, channels=3), grey.expand(4, 3, 1, 1))


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason="../shared/data is absent")
def test_cifar10_as_exported_by_hugging_face():
    file = SHARED / "cifar10/test-00000-of-00001.parquet"
    splits = load(Data(source=f"parquet:{file.parent}", train_limit=100, validation=0.01), home=Path())
    assert splits.classes[:2] == ("airplane", "automobile")
    assert splits.shape == (3, 32, 32)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [100, 500, 10_000]
    assert splits.train.labels.bincount().tolist() == [10] * 10
    table = pq.read_table(file)
    for row in (0, 4999, 5000, 9999):
        stored = table.slice(row, 1).to_pylist()[0]
        assert torch.equal(splits.test.images[row], pil_to_tensor(Image.open(io.BytesIO(stored["img"]["bytes"]))))
        assert int(splits.test.labels[row]) == stored["label"]


@pytest.mark.skipif(not (SHARED / "photos256").is_dir(), reason="../shared/data is absent")
def test_photographs_without_labels_are_refused_with_the_remedy():
    with pytest.raises(BadData, match="no integer column") as caught:
        load(Data(source=f"parquet:{SHARED / 'photos256'}"), home=Path())
    assert "labels 0, 1" in caught.value.remedy


@pytest.mark.parametrize("alone", ["train", "test"])
def test_a_split_of_a_single_class_is_refused(tmp_path, alone):
    for split in ("train", "test"):
        for name in ("cat",) if split == alone else ("cat", "dog"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                (folder / f"{number}.png").write_bytes(encoded(picture(number)))
    if alone == "test":  # both classes are known, one has no test images
        (tmp_path / "test" / "dog").mkdir(exist_ok=True)
    with pytest.raises(
        BadData, match=r"fewer than two classes: all 4 images of the .* belong to class 'cat'|dog"
    ) as error:
        load(Data(source=f"folder:{tmp_path}", validation=0.25), home=tmp_path)
    assert error.value.remedy
