"""`load`: one configuration in, three splits in memory out."""

import difflib
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from methods.errors import BadData, BadSetting
from storage.datasets.carving import stratified, without
from storage.datasets.digits import digits
from storage.datasets.folder import folder
from storage.datasets.parquet_images import parquet_images
from storage.datasets.pixels import check_shapes, gather
from storage.datasets.settings import Data
from storage.datasets.source import Pictures, Source
from storage.datasets.splits import Split, Splits
from storage.datasets.torchvision_sets import SETS, torchvision_set


def load(data: Data, *, home: Path) -> Splits:
    """The images that `data` describes, decoded, on the CPU; the same bytes for the same settings and files.

    home: torchvision's files lie in `home / "data"` unless `data.root` says otherwise.

    Raises `BadSetting` for an unknown source and for images that differ in size or channels; `BadData` for files that
    are missing or damaged, labels without a class, splits of a single class, and classes with fewer than 2 images to
    hold one out from.
    """
    source = _find(data, home)
    parts = {"train": source.train, "test": source.test}
    if source.validation is not None:
        parts["validation"] = source.validation
    for split, pictures in parts.items():
        name = f"{split} split of {data.source}"
        _check_labels(name, pictures.labels, source.classes)
        _check_several_classes(name, pictures.labels, source.classes)

    train_rows = torch.arange(len(source.train.labels))
    if source.validation is None:
        _check_enough_to_hold_out(source)
        count = max(1, round(data.validation * len(train_rows)))
        held_out = stratified(source.train.labels, count, seed=data.seed)
        train_rows = without(len(train_rows), held_out)
        parts["validation"], validation_rows = source.train, held_out
    else:
        validation_rows = torch.arange(len(source.validation.labels))
    rows = {
        "train": _limited(source.train, train_rows, data.train_limit, seed=data.seed),
        "validation": validation_rows,
        "test": _limited(source.test, torch.arange(len(source.test.labels)), data.test_limit, seed=data.seed),
    }
    splits = {split: _read(parts[split], rows[split], data, split) for split in rows}
    check_shapes({f"the {split} split of {data.source}": read.images.shape[1:] for split, read in splits.items()})
    channels = splits["train"].images.shape[1]
    for field, given in (("mean", data.mean), ("std", data.std)):
        if given is not None and len(given) != channels:
            raise BadSetting(
                problem=f"data.{field} has {len(given)} numbers, the images of {data.source} have {channels} channels",
                remedy="give one number per channel, or null",
            )
    return Splits(name=source.name, classes=source.classes, **splits, given_mean=data.mean, given_std=data.std)


def _find(data: Data, home: Path) -> Source:
    kind, separator, path = data.source.partition(":")
    on_disk = {"parquet": parquet_images, "folder": folder}
    if separator and path and kind in on_disk:
        return on_disk[kind](Path(path).expanduser())
    if data.source == "digits":
        return digits()
    if data.source in SETS:
        root = home / "data" if data.root is None else Path(data.root).expanduser()
        return torchvision_set(data.source, root=root, download=data.download, size=data.size)
    known = ("digits", *SETS, "parquet:PATH", "folder:PATH")
    close = difflib.get_close_matches(data.source.lower(), known, n=1)
    raise BadSetting(
        problem=f"data.source is {data.source!r}, which is not known",
        remedy=(f"did you mean {close[0]}? " if close else "") + "Known are: " + ", ".join(known),
    )


def _check_labels(name: str, labels: Int64[Tensor, " n"], classes: tuple[str, ...]) -> None:
    if not len(labels):
        raise BadData(problem=f"there are no images in the {name}", remedy="check the path and the files behind it")
    outside = ((labels < 0) | (labels >= len(classes))).nonzero()
    if len(outside):
        row = int(outside[0])
        raise BadData(
            problem=f"image {row} of the {name} has the label {int(labels[row])}; there are {len(classes)} classes",
            remedy=f"labels run from 0 to {len(classes) - 1}; remove images without a label, often marked -1",
        )


def _check_several_classes(name: str, labels: Int64[Tensor, " n"], classes: tuple[str, ...]) -> None:
    """Any classifier is right on all images of a single class, so that no accuracy would mean anything."""
    present = labels.unique()
    if len(present) < 2:
        only = classes[int(present[0])]
        raise BadData(
            problem=f"fewer than two classes: all {len(labels)} images of the {name} belong to class {only!r}",
            remedy="add images of at least one other class (in a folder source: one subfolder per class in each split)",
        )


def _check_enough_to_hold_out(source: Source) -> None:
    sizes = torch.bincount(source.train.labels, minlength=len(source.classes))
    used = sizes + torch.bincount(source.test.labels, minlength=len(source.classes)) > 0
    few = (used & (sizes < 2)).nonzero().flatten().tolist()
    if few:
        listed = ", ".join(f"{source.classes[k]} ({int(sizes[k])})" for k in few[:5])
        raise BadData(
            problem=f"{len(few)} classes of {source.name} have fewer than 2 training images: {listed}",
            remedy="validation images are held out of the training images: add some, or bring a validation split",
        )


def _limited(pictures: Pictures, rows: Int64[Tensor, " n"], limit: int | None, *, seed: int) -> Int64[Tensor, " k"]:
    if limit is None or limit >= len(rows):
        return rows
    return rows[stratified(pictures.labels[rows], limit, seed=seed)]


def _read(pictures: Pictures, rows: Int64[Tensor, " n"], data: Data, split: str) -> Split:
    readers = pictures.readers(rows.tolist())
    name = f"the {split} split of {data.source}"
    images = gather(readers, len(rows), size=data.size, channels=data.channels, name=name)
    return Split(images=images, labels=pictures.labels[rows])
