"""Folders of image files: ROOT/train/CLASS/*.png and ROOT/test/CLASS/*.png, in torchvision's `ImageFolder` layout."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from methods.errors import BadData
from storage.datasets.pixels import decode_file
from storage.datasets.source import Pictures, Source

LAYOUT = "lay the images out as ROOT/train/CLASS/FILE and ROOT/test/CLASS/FILE (jpg, png, bmp, tif, webp, ...)"


def folder(root: Path) -> Source:
    """The images below `root`; a folder `validation`, `valid` or `val` beside `train` is used where there is one.

    Raises `BadData` for missing or empty folders, and for splits with different classes.
    """
    train = _listing(root / "train")
    validation = next((root / name for name in ("validation", "valid", "val") if (root / name).is_dir()), None)
    return Source(
        name=root.name,
        classes=tuple(train.classes),
        train=_pictures(train),
        test=_pictures(_listing(root / "test", like=train)),
        validation=_pictures(_listing(validation, like=train)) if validation else None,
    )


def _listing(directory: Path, like: Any = None) -> Any:
    """An `ImageFolder` with the same classes as `like`."""
    # Imported here, because it takes as long as PyTorch itself and few runs need it.
    from torchvision.datasets import ImageFolder

    try:
        listing = ImageFolder(directory)
    except OSError as error:
        raise BadData(problem=f"no images to read in {directory}: {error}", remedy=LAYOUT) from error
    if like is not None and listing.classes != like.classes:
        odd = sorted(set(listing.classes) ^ set(like.classes))
        raise BadData(
            problem=f"{directory} and {like.root} do not hold the same classes: only one of them has {', '.join(odd)}",
            remedy="labels follow the class folders' names, so give both the same folders",
        )
    return listing


def _pictures(listing: Any) -> Pictures:
    return Pictures(
        labels=torch.tensor(listing.targets, dtype=torch.int64),
        readers=lambda rows: (partial(decode_file, listing.samples[row][0]) for row in rows),
    )
