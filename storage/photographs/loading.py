"""`load`: one configuration in, squares of three splits in memory out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from methods.errors import BadData, BadSetting
from methods.randomness import derive
from storage.datasets import Split, Splits
from storage.datasets.parquet_images import count_rows, encoded_images, shards, shards_of
from storage.photographs.cutting import Photograph, Squares, crops, tiles
from storage.photographs.embedded import embedded
from storage.photographs.encoded import SAID, Converted, Encoded, from_bytes, from_file, photograph
from storage.photographs.settings import Photographs

ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """splits: the squares; the label of one is its photograph, an index of `splits.classes`.

    remarks: what was converted or left out, in words for people.
    """

    splits: Splits
    remarks: tuple[str, ...]


def load(settings: Photographs) -> Album:
    """Squares (n, 3, size, size), the same bytes for the same settings and files.

    Raises `BadSetting` for an unknown source, `BadData` for missing, damaged or too few photographs.
    """
    found, remarks = _parts(settings)
    names: list[str] = []
    converted: Counter[Converted] = Counter()
    splits: dict[str, Split] = {}
    for split, photographs in found.items():
        images, labels = [], []
        for encoded in _limited(photographs, settings):
            opened = photograph(encoded)
            pixels = opened.pixels
            if min(pixels.shape[1:]) < max(settings.size, settings.training_size or 0):
                remarks.append(f"{encoded.where} is smaller than a square and left out")
                continue
            converted.update(opened.converted)
            squares = _cut(pixels, split, encoded.digest, settings)
            images.append(squares)
            labels += [len(names)] * len(squares)
            names.append(encoded.name)
        if not images:
            raise BadData(
                problem=f"no photograph of {settings.source} is left for {split}: all are smaller than a square",
                remedy="give larger photographs, or make size smaller",
            )
        splits[split] = Split(images=torch.cat(images), labels=torch.tensor(labels))
    remarks += [f"{converted[change]} photographs were {said}" for change, said in SAID.items() if converted[change]]
    train, validation, test = (splits[split] for split in ("train", "validation", "test"))
    whole = Splits(name=settings.source, classes=tuple(names), train=train, validation=validation, test=test)
    return Album(splits=whole, remarks=tuple(remarks))


def _cut(pixels: Photograph, split: str, digest: str, settings: Photographs) -> Squares:
    if split == "train":
        size = settings.training_size or settings.size
        return crops(pixels, size=size, count=settings.crops, seed=settings.seed, name=digest)
    return tiles(pixels, size=settings.size, count=settings.tiles)


def _parts(settings: Photographs) -> tuple[dict[str, list[Encoded]], list[str]]:
    kind, separator, path = settings.source.partition(":")
    if settings.source == "embedded":
        return embedded(), []
    if not separator or not path or kind not in ("folder", "parquet"):
        raise BadSetting(
            problem=f"photographs from {settings.source!r} are not known",
            remedy="known are embedded, folder:PATH and parquet:PATH",
        )
    root = Path(path).expanduser()
    if kind == "folder":
        photographs, remarks = _once(_folder(root), settings)
        return _shared(photographs, settings, ("test", "validation")), remarks
    train, test = (_parquet(files) for files in shards_of(root))
    validation = _parquet(shards(root, "validation", "valid"))
    # a photograph that occurs twice is left to the split that must not have been seen
    whole, remarks = _once([*test, *validation, *train], settings)
    kept = {id(each) for each in whole}
    test, validation, train = ([each for each in part if id(each) in kept] for part in (test, validation, train))
    if validation:
        return {"train": train, "validation": validation, "test": test}, remarks
    return _shared(train, settings, ("validation",)) | {"test": test}, remarks


def _folder(root: Path) -> list[Encoded]:
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not paths:
        raise BadData(problem=f"there are no PNG or JPEG files below {root}", remedy="check the path")
    return [from_file(path) for path in paths]


def _parquet(files: list[Path]) -> list[Encoded]:
    rows = range(sum(map(count_rows, files)))
    return [
        from_bytes(content, where, f"photograph {row}")
        for row, (content, where) in zip(rows, encoded_images(files, rows), strict=True)
    ]


def _once(photographs: Sequence[Encoded], settings: Photographs) -> tuple[list[Encoded], list[str]]:
    """Each photograph once, the first of equal bytes."""
    kept = list({encoded.digest: encoded for encoded in reversed(photographs)}.values())[::-1]
    more = len(photographs) - len(kept)
    return kept, [f"{more} photographs of {settings.source} occur twice and are left out"] if more else []


def _shared(photographs: list[Encoded], settings: Photographs, held_out: tuple[str, ...]) -> dict[str, list[Encoded]]:
    """The splits `held_out` by their shares, of at least one photograph each, and `train` of all others."""
    order = sorted(photographs, key=lambda each: derive(settings.seed, "split", each.digest))
    if len(order) <= len(held_out):
        raise BadData(
            problem=f"{settings.source} holds {len(order)} photographs, too few for {len(held_out) + 1} splits",
            remedy=f"give at least {len(held_out) + 1}; a photograph is in one split only",
        )
    parts = {}
    for split in held_out:
        share = {"test": settings.test, "validation": settings.validation}[split]
        count = max(1, round(share * len(photographs)))
        parts[split], order = order[:count], order[count:]
    return {"train": order, **parts}


def _limited(photographs: list[Encoded], settings: Photographs) -> list[Encoded]:
    if settings.limit is None or settings.limit >= len(photographs):
        return photographs
    order = sorted(photographs, key=lambda each: derive(settings.seed, "limit", each.digest))
    return order[: settings.limit]
