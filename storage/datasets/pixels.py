"""From encoded bytes to one uint8 tensor."""

import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from methods.errors import BadData, BadSetting
from storage.datasets.source import ReadImage

CHUNK = 256
"""Images in flight at once: bounds the memory that full-size images take before they are resized."""


def decode(
    encoded: bytes, *, name: str, prepared: Callable[[Image.Image], Image.Image] | None = None
) -> UInt8[Tensor, "c h w"]:
    """One channel for grey images, three for all others; transparency is dropped. prepared: what is done before.

    Raises `BadData` with `name` for bytes that are no image, and for grey values of more than 8 bits.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as stored:
            image = stored if prepared is None else prepared(stored)
            if image.mode[0] in "IF":
                raise ValueError(f"grey values of mode {image.mode} do not fit into 8 bits")
            pixels = np.array(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))
            return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadData(
            problem=f"{name} cannot be decoded as an image: {error}",
            remedy="replace it by an 8-bit image that Pillow can open, or remove it",
        ) from error


def decode_file(path: str) -> UInt8[Tensor, "c h w"]:
    return decode(Path(path).read_bytes(), name=path)


def fit(
    images: UInt8[Tensor, "n c h w"], *, size: int | None, channels: Literal[1, 3] | None
) -> UInt8[Tensor, "n k height width"]:
    """Resized and centre-cropped to `size` by `size` pixels and converted to `channels`, each only where asked."""
    _, present, *sides = images.shape
    if channels in (None, present) and (size is None or sides == [size, size]):
        return images
    # imported here, because it takes as long as PyTorch itself and few runs need it
    from torchvision.transforms.v2 import functional as transforms

    if channels == 1 and present == 3:
        images = transforms.rgb_to_grayscale(images)
    if channels == 3 and present == 1:
        images = transforms.grayscale_to_rgb(images)
    if size is not None and sides != [size, size]:
        images = transforms.center_crop(transforms.resize(images, [size], antialias=True), [size, size])
    return images


def gather(
    readers: Iterator[ReadImage], count: int, *, size: int | None, channels: Literal[1, 3] | None, name: str
) -> UInt8[Tensor, "n c h w"]:
    """All `count` >= 1 images, read by several threads, fitted, in the order of `readers`.

    Raises `BadSetting` if they still differ in shape.
    """
    gathered = torch.empty(0, dtype=torch.uint8)
    start = 0
    with ThreadPoolExecutor() as pool:
        while chunk := list(islice(readers, CHUNK)):
            images = list(pool.map(lambda read: read(), chunk))
            alike = defaultdict(list)
            for place, image in enumerate(images):
                alike[image.shape].append(place)
            # Images of one shape are fitted together: a call per image costs more than the resizing of a small one.
            stacked = (torch.stack([images[place] for place in places]) for places in alike.values())
            batches = pool.map(partial(fit, size=size, channels=channels), stacked)
            for places, batch in zip(alike.values(), batches, strict=True):
                if start == 0 and places[0] == 0:
                    gathered = torch.empty(count, *batch.shape[1:], dtype=torch.uint8)
                row = start + places[0]
                check_shapes({f"image 0 of {name}": gathered.shape[1:], f"image {row} of {name}": batch.shape[1:]})
                gathered[torch.tensor(places) + start] = batch
            start += len(chunk)
    return gathered


def check_shapes(shapes: dict[str, Sequence[int]]) -> None:
    """Raises `BadSetting` unless all these (channels, height, width) are the same, naming the setting that helps."""
    (first, expected), *others = ((name, tuple(shape)) for name, shape in shapes.items())
    for name, shape in others:
        if shape != expected:
            remedy = "set data.size to a side in pixels" if shape[1:] != expected[1:] else "set data.channels to 1 or 3"
            raise BadSetting(
                problem=f"images differ: {first} has channels, height, width {expected}, {name} has {shape}",
                remedy=remedy,
            )
