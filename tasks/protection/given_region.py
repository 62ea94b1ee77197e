"""The region of a user's image that is to be protected, and the window around it that is worked on."""

import dataclasses
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from methods.errors import BadData
from storage.photographs.encoded import from_file, photograph, see_through

LARGEST = 2**20
"""Pixels that are worked on at once unless the user says how many: a search takes 5 kB of memory for each with an
inpainter of 16 channels, and 35 kB with LaMa as released.
"""
Box = tuple[int, int, int, int]
"""x, y of the upper left corner, width, height, in pixels."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """box or mask: the region. around: how far from it the image is looked at and changed, pixels; null: all of it."""

    path: Path
    mask: Path | None
    box: Box | None
    target: Path
    around: int | None = None


def region_of(request: Request, height: int, width: int) -> Float[Tensor, "1 h w"]:
    """1 where nothing is to be edited."""
    if request.mask is not None:
        return region_of_mask(request.mask, request.path.name, height, width)
    assert request.box is not None
    x, y, across, down = request.box
    if x < 0 or y < 0 or across < 1 or down < 1 or x + across > width or y + down > height:
        raise BadData(
            problem=f"the box {x},{y},{across},{down} does not lie inside of {request.path.name}, "
            f"{width}×{height} pixels",
            remedy="give x,y of its upper left corner, its width and its height, in pixels of the upright image",
        )
    region = torch.zeros(1, height, width)
    region[:, y : y + down, x : x + across] = 1
    return region


def region_of_mask(mask: Path, image: str, height: int, width: int) -> Float[Tensor, "1 h w"]:
    opened = photograph(from_file(mask))
    with Image.open(mask) as stored:
        if see_through(stored):
            raise BadData(
                problem=f"the mask {mask} has transparent pixels, which say neither white nor black",
                remedy="save it without transparency, white where nothing is to be edited",
            )
    if opened.pixels.shape[1:] != (height, width):
        raise BadData(
            problem=f"{image} has {width}×{height} pixels, its mask {opened.pixels.shape[2]}×{opened.pixels.shape[1]}",
            remedy="give a mask of the upright image's size, white where it is to be protected",
        )
    return (opened.pixels.float().mean(0, keepdim=True) > 127).float()


def window_of(region: Float[Tensor, "1 h w"], around: int | None, name: str) -> Box:
    """What lies at most `around` pixels from the region's box. Raises `BadData` for too large an image without it."""
    height, width = region.shape[1:]
    rows, columns = (region[0].amax(axis).nonzero()[:, 0].tolist() for axis in (1, 0))
    if around is None or not rows:  # an empty region is another's complaint
        if height * width > LARGEST:
            raise BadData(
                problem=f"{name} has {width}×{height} pixels; to search all of them at once takes gigabytes of memory "
                "for each million, and hours",
                remedy="--around 128 works on the region and 128 pixels around it, as an editor does that crops; a "
                "number as large as the image takes all of it",
            )
        return 0, 0, width, height
    left, top = max(0, columns[0] - around), max(0, rows[0] - around)
    return left, top, min(width, columns[-1] + 1 + around) - left, min(height, rows[-1] + 1 + around) - top
