"""The classification sets of torchvision, in torchvision's own file layouts and with the sets' own splits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from methods.errors import BadData, BadSetting
from storage.datasets.source import Pictures, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchvisionSet:
    """How torchvision names the set, its splits and its labels, and whether it can fetch it."""

    build: str
    train: tuple[Mapping[str, Any], ...] = ({"split": "train"},)
    test: Mapping[str, Any]
    labels: str
    sizes_vary: bool = False
    downloads: bool = True


_FLAGGED: Mapping[str, Any] = {"train": ({"train": True},), "test": {"train": False}, "labels": "targets"}
_NAMED: Mapping[str, Any] = {"test": {"split": "test"}, "labels": "labels"}
_FILES: Mapping[str, Any] = {"test": {"split": "test"}, "labels": "_labels", "sizes_vary": True}

SETS: Mapping[str, TorchvisionSet] = {
    "mnist": TorchvisionSet(build="MNIST", **_FLAGGED),
    "fashion_mnist": TorchvisionSet(build="FashionMNIST", **_FLAGGED),
    "cifar10": TorchvisionSet(build="CIFAR10", **_FLAGGED),
    "cifar100": TorchvisionSet(build="CIFAR100", **_FLAGGED),
    "svhn": TorchvisionSet(build="SVHN", **_NAMED),
    "stl10": TorchvisionSet(build="STL10", **_NAMED),
    "flowers102": TorchvisionSet(build="Flowers102", train=({"split": "train"}, {"split": "val"}), **_FILES),
    "oxford_iiit_pet": TorchvisionSet(build="OxfordIIITPet", train=({"split": "trainval"},), **_FILES),
    "food101": TorchvisionSet(build="Food101", **_FILES),
    "imagenet": TorchvisionSet(
        build="ImageNet", test={"split": "val"}, labels="targets", sizes_vary=True, downloads=False
    ),
}


def torchvision_set(name: str, *, root: Path, download: bool, size: int | None) -> Source:
    """The set `name` (a key of `SETS`) below `root`.

    Raises `BadSetting` if the images vary in size and `size` is None; `BadData` if files are missing or damaged.
    """
    described = SETS[name]
    if described.sizes_vary and size is None:
        raise BadSetting(
            problem=f"the images of {name} differ in size, and data.size is not set",
            remedy="set data.size to the side in pixels that the network takes, for example 64 or 224",
        )
    training = [_open(name, root=root, download=download, arguments=arguments) for arguments in described.train]
    test = _open(name, root=root, download=download, arguments=described.test)
    train = _pictures(f"the training images of {name}", training, described.labels)
    names = getattr(training[0], "classes", None) or range(int(train.labels.max()) + 1)
    return Source(
        name=name,
        classes=tuple(", ".join(entry) if isinstance(entry, tuple) else str(entry) for entry in names),
        train=train,
        test=_pictures(f"the test images of {name}", [test], described.labels),
    )


def _open(name: str, *, root: Path, download: bool, arguments: Mapping[str, Any]) -> Dataset:
    # Imported here, because it takes as long as PyTorch itself and few runs need it.
    from torchvision import datasets

    described = SETS[name]
    fetching = {"download": download} if described.downloads else {}
    try:
        if download:
            root.mkdir(parents=True, exist_ok=True)
        return getattr(datasets, described.build)(str(root), **arguments, **fetching)
    except (RuntimeError, OSError) as error:
        put = f"put the files of {name} below {root} as torchvision.datasets.{described.build} lays them out"
        raise BadData(
            problem=f"{name} cannot be read from {root}: {error}",
            remedy=f"set data.download=true, or {put}" if described.downloads else f"{put}; it cannot be downloaded",
        ) from error


def _pictures(name: str, parts: list[Any], labels: str) -> Pictures:
    joined: Dataset = ConcatDataset(parts)
    return Pictures(
        labels=torch.cat([torch.as_tensor(getattr(part, labels), dtype=torch.int64) for part in parts]),
        readers=lambda rows: (partial(_read, name, joined, row) for row in rows),
    )


def _read(name: str, dataset: Any, row: int) -> UInt8[Tensor, "c h w"]:
    from torchvision.transforms.v2.functional import pil_to_tensor

    try:
        image, _ = dataset[row]
    except (OSError, SyntaxError, ValueError) as error:
        raise BadData(
            problem=f"image {row} of {name} cannot be read: {error}", remedy="fetch the set anew; a file is damaged"
        ) from error
    return pil_to_tensor(image)
