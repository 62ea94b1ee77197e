"""Small files in torchvision's own formats, read through `load`; an image is grey of a value that names it."""

import gzip
import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import MNIST, cifar, flowers102, stl10, svhn

from methods.errors import BadData, BadSetting
from storage.datasets import Data, Splits, load

TRAIN, TEST, CLASSES = 12, 6, 3


def exists(path, md5=None) -> bool:
    """In place of torchvision's checksums, which only the complete sets can meet."""
    return Path(path).is_file()


def grey(split: str, k: int) -> int:
    return 10 * k + (5 if split == "test" else 0)


def pixels(split: str, channels: int, side: int) -> np.ndarray:
    """n c h w"""
    values = [grey(split, k) for k in range(TRAIN if split == "train" else TEST)]
    return np.array(values, dtype=np.uint8)[:, None, None, None].repeat(channels, 1).repeat(side, 2).repeat(side, 3)


def labels(split: str) -> np.ndarray:
    return np.arange(TRAIN if split == "train" else TEST) % CLASSES


def photograph(path: Path, value: int, shape: tuple[int, int] = (24, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", shape, (value, value, value)).save(path, quality=100)


def mnist(root: Path, name: str) -> None:
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = pixels(split, 1, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(
            struct.pack(">4i", 2051, len(images), 28, 28) + images.tobytes()
        )
        marks = labels(split).astype(np.uint8)
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, len(marks)) + marks.tobytes())


def write_mnist(root: Path) -> None:
    mnist(root, "MNIST")


def write_fashion_mnist(root: Path) -> None:
    mnist(root, "FashionMNIST")


def dump(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content))


def write_cifar10(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    flat = pixels("train", 3, 32).reshape(TRAIN, -1)
    for batch, part in enumerate(np.array_split(np.arange(TRAIN), 5), start=1):
        dump(folder / f"data_batch_{batch}", {"data": flat[part], "labels": labels("train")[part].tolist()})
    dump(folder / "test_batch", {"data": pixels("test", 3, 32).reshape(TEST, -1), "labels": labels("test").tolist()})
    dump(folder / "batches.meta", {"label_names": ["airplane", "automobile", "bird"]})


def write_cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    for split in ("train", "test"):
        flat = pixels(split, 3, 32)
        content = {"data": flat.reshape(len(flat), -1), "fine_labels": labels(split).tolist()}
        dump(folder / split, content)
    dump(folder / "meta", {"fine_label_names": ["apple", "baby", "bear"]})


def write_svhn(root: Path) -> None:
    root.mkdir(parents=True)
    for split in ("train", "test"):
        marks = np.where(labels(split) == 0, 10, labels(split)).astype(np.uint8)[:, None]
        savemat(root / f"{split}_32x32.mat", {"X": pixels(split, 3, 32).transpose(2, 3, 1, 0), "y": marks})


def write_stl10(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}_X.bin").write_bytes(pixels(split, 3, 96).transpose(0, 1, 3, 2).tobytes())
        (folder / f"{split}_y.bin").write_bytes((labels(split) + 1).astype(np.uint8).tobytes())
    (folder / "unlabeled_X.bin").write_bytes(b"")
    (folder / "class_names.txt").write_text("airplane\nbird\ncar\n")


def write_flowers102(root: Path) -> None:
    folder = root / "flowers-102"
    everything = [("train", k) for k in range(TRAIN)] + [("test", k) for k in range(TEST)]
    for number, (split, k) in enumerate(everything, start=1):
        photograph(folder / "jpg" / f"image_{number:05d}.jpg", grey(split, k))
    savemat(folder / "imagelabels.mat", {"labels": np.concatenate([labels("train"), labels("test")]) + 1})
    numbers = np.arange(1, TRAIN + TEST + 1)
    cuts = {"trnid": numbers[:6], "valid": numbers[6:TRAIN], "tstid": numbers[TRAIN:]}
    savemat(folder / "setid.mat", cuts)


def write_oxford_iiit_pet(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    breeds = ["Abyssinian", "american_bulldog", "Bengal"]
    for split, listing in (("train", "trainval"), ("test", "test")):
        lines = []
        for k, label in enumerate(labels(split)):
            photograph(folder / "images" / f"{breeds[label]}_{grey(split, k)}.jpg", grey(split, k))
            lines.append(f"{breeds[label]}_{grey(split, k)} {label + 1} 1 1\n")
        (folder / "annotations" / f"{listing}.txt").write_text("".join(lines))


def write_food101(root: Path) -> None:
    folder = root / "food-101"
    (folder / "meta").mkdir(parents=True)
    for split in ("train", "test"):
        listing: dict[str, list[str]] = {}
        for k, label in enumerate(labels(split)):
            dish = ("apple_pie", "beignets", "churros")[label]
            photograph(folder / "images" / dish / f"{grey(split, k)}.jpg", grey(split, k))
            listing.setdefault(dish, []).append(f"{dish}/{grey(split, k)}")
        (folder / "meta" / f"{split}.json").write_text(json.dumps(listing))


def write_imagenet(root: Path) -> None:
    root.mkdir(parents=True)
    wordnet = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish",), "n01484850": ("great white shark",)}
    torch.save((wordnet, []), root / "meta.bin")
    for split, directory in (("train", "train"), ("test", "val")):
        for k, label in enumerate(labels(split)):
            photograph(root / directory / list(wordnet)[label] / f"{k:03d}.JPEG", grey(split, k))


SETS = {
    "mnist": (write_mnist, (1, 28, 28), "0 - zero"),
    "fashion_mnist": (write_fashion_mnist, (1, 28, 28), "T-shirt/top"),
    "cifar10": (write_cifar10, (3, 32, 32), "airplane"),
    "cifar100": (write_cifar100, (3, 32, 32), "apple"),
    "svhn": (write_svhn, (3, 32, 32), "0"),
    "stl10": (write_stl10, (3, 96, 96), "airplane"),
    "flowers102": (write_flowers102, (3, 16, 16), "pink primrose"),
    "oxford_iiit_pet": (write_oxford_iiit_pet, (3, 16, 16), "Abyssinian"),
    "food101": (write_food101, (3, 16, 16), "apple_pie"),
    "imagenet": (write_imagenet, (3, 16, 16), "tench, Tinca tinca"),
}
VARIED = ("flowers102", "oxford_iiit_pet", "food101", "imagenet")


@pytest.fixture(autouse=True)
def _no_checksums(monkeypatch):
    for module in (cifar, svhn, stl10, flowers102):
        monkeypatch.setattr(module, "check_integrity", exists)


def contents(splits: Splits, *parts: str) -> dict[int, int]:
    """Grey value -> label; JPEG may move a grey value by one, never to another image's."""
    found = {}
    for part in parts:
        split = getattr(splits, part)
        for image, label in zip(split.images, split.labels, strict=True):
            assert image.max() - image.min() <= 1
            found[5 * round(float(image.float().mean()) / 5)] = int(label)
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_set_gives_its_images_labels_and_splits(tmp_path, name):
    write, shape, first_class = SETS[name]
    write(tmp_path / "data")
    size = shape[-1] if name in VARIED else None
    splits = load(Data(source=name, size=size, validation=0.25), home=tmp_path)
    assert splits.shape == shape
    assert splits.classes[0] == first_class
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [9, 3, 6]
    assert contents(splits, "train", "validation") == {grey("train", k): k % CLASSES for k in range(TRAIN)}
    assert contents(splits, "test") == {grey("test", k): k % CLASSES for k in range(TEST)}


def test_download_unpacks_archives_that_are_there_without_fetching_them(tmp_path, monkeypatch):
    write_mnist(tmp_path / "data")
    resources = []
    for file in sorted((tmp_path / "data/MNIST/raw").iterdir()):
        packed = gzip.compress(file.read_bytes())
        file.with_name(file.name + ".gz").write_bytes(packed)
        file.unlink()
        resources.append((file.name + ".gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(MNIST, "mirrors", [])
    with pytest.raises(BadData, match="mnist cannot be read"):
        load(Data(source="mnist"), home=tmp_path)
    monkeypatch.setattr(MNIST, "mirrors", ["http://[mirror that must not be asked]/"])
    splits = load(Data(source="mnist", download=True), home=tmp_path)
    assert contents(splits, "test") == {grey("test", k): k % CLASSES for k in range(TEST)}


@pytest.mark.parametrize("name", SETS)
def test_missing_files_name_the_folder_and_what_to_do(tmp_path, name):
    with pytest.raises(BadData) as caught:
        load(Data(source=name, size=16), home=tmp_path)
    assert str(tmp_path / "data") in caught.value.problem
    assert "put the files" in caught.value.remedy
    assert ("data.download=true" in caught.value.remedy) == (name != "imagenet")


def test_root_replaces_the_home_folder(tmp_path):
    write_mnist(tmp_path / "elsewhere")
    splits = load(Data(source="mnist", root=str(tmp_path / "elsewhere")), home=tmp_path / "home")
    assert len(splits.test) == TEST


@pytest.mark.parametrize("name", VARIED)
def test_sets_of_varied_size_ask_for_a_size(tmp_path, name):
    with pytest.raises(BadSetting, match=f"{name} differ in size") as caught:
        load(Data(source=name), home=tmp_path)
    assert "data.size" in caught.value.remedy


@pytest.mark.parametrize("name", VARIED)
def test_a_damaged_photograph_is_named(tmp_path, name):
    SETS[name][0](tmp_path / "data")
    for file in (tmp_path / "data").rglob("*"):
        if file.suffix.lower() in (".jpg", ".jpeg"):
            file.write_bytes(b"not an image")
    with pytest.raises(BadData, match=f"image .* of the training images of {name} cannot be read"):
        load(Data(source=name, size=16), home=tmp_path)


def test_limits_spare_the_decoding_of_images_left_out(tmp_path):
    write_food101(tmp_path / "data")
    kept = load(Data(source="food101", size=16, train_limit=3, test_limit=3), home=tmp_path)
    used = contents(kept, "train", "validation") | contents(kept, "test")
    for file in (tmp_path / "data/food-101/images").rglob("*.jpg"):
        if int(file.stem) not in used:
            file.write_bytes(b"never read")
    again = load(Data(source="food101", size=16, train_limit=3, test_limit=3), home=tmp_path)
    assert again.digest == kept.digest
