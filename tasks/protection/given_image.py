"""One image of a user's and its region: read, set upright, cut to the window that is worked on, and checked."""

import dataclasses
import hashlib
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from methods.errors import BadData, BadSetting
from methods.protection.inpainter import Masks
from methods.protection.regions import check, far_boxes
from methods.protection.saving import from_bytes
from storage.errors import MissingFile
from storage.photographs.encoded import SAID, from_file, photograph
from tasks.protection.given_region import Box, Request, region_of, window_of

SMALLEST_FAR = 4
"""Side of the smallest square elsewhere that anything is measured on, pixels."""
FAR_COUNT = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An image, its ICC profile, its region, the window of it that is worked on, and what was said on the way in."""

    path: Path
    sha256: str
    picture: UInt8[Tensor, "3 h w"]
    profile: bytes
    mask: Float[Tensor, "1 h w"]
    window: Box
    remarks: tuple[str, ...]

    @property
    def region_sha256(self) -> str:
        """Of the region's size and its pixels, 1 or 0 each: a mask and a box that are the same have the same."""
        size = ",".join(map(str, self.mask.shape[1:]))
        return hashlib.sha256(size.encode() + self.mask.byte().numpy().tobytes()).hexdigest()

    def cut(self, whole: Tensor) -> Tensor:
        """The window of the image, or of its mask: a view."""
        x, y, across, down = self.window
        return whole[:, y : y + down, x : x + across]


def read_image(request: Request, expansion: int) -> Given:
    """Raises `MissingFile`, `BadData` or `BadSetting` for what cannot be protected."""
    if (request.mask is None) == (request.box is None):
        raise BadSetting(problem="neither mask nor box, or both", remedy="give --mask FILE or --box x,y,w,h")
    for each in (request.path, request.mask):
        if each is not None and not each.is_file():
            raise MissingFile(path=str(each), problem=f"there is no file {each}", remedy="check the path")
    encoded, name = from_file(request.path), request.path.name
    opened = photograph(encoded)
    height, width = opened.pixels.shape[1:]
    region = region_of(request, height, width)
    window = window_of(region, request.around, name)
    remarks = [f"{name} was {SAID[change]}" for change in opened.converted]
    if window != (0, 0, width, height):
        remarks.append(f"{name}: only {window[2]}×{window[3]} of {width}×{height} pixels are looked at and changed")
    given = Given(
        path=request.path,
        sha256=encoded.digest,
        picture=opened.pixels,
        profile=opened.profile,
        mask=region,
        window=window,
        remarks=tuple(remarks),
    )
    try:
        check(from_bytes(given.cut(given.picture)[None]), given.cut(region)[None], expansion)
        elsewhere(given.cut(region)[None], expansion, torch.tensor([0]))  # whether there is room, whatever the seed
    except BadData as error:
        raise BadData(problem=error.problem.replace("image 0", name), remedy=error.remedy) from error
    return given


def elsewhere(masks: Masks, expansion: int, seeds: Tensor) -> Float[Tensor, "1 k h w"]:
    """Squares as large as the region, or the largest of its halves that fit. Raises `BadData` where none does."""
    side = max(SMALLEST_FAR, int(float(masks.sum()) ** 0.5))
    while True:
        try:
            return far_boxes(masks, expansion, side=side, count=FAR_COUNT, seeds=seeds)
        except BadData:
            if side == SMALLEST_FAR:
                raise
            side = max(SMALLEST_FAR, side // 2)
