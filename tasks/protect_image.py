"""One image of a user's, protected: read, checked, protected, saved, read back and only then measured."""

import dataclasses
import hashlib
import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from methods.errors import BadData, BadSetting
from methods.progress import OnStep
from methods.protection.inpainter import Images, Inpainter, Masks
from methods.protection.judging import Judge, Judged
from methods.protection.noise_control import NoiseControl
from methods.protection.regions import check, far_boxes
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.saving import as_bytes, from_bytes
from storage.datasets.pixels import decode_file
from storage.errors import MissingFile
from storage.files import publish
from storage.photographs.encoded import from_file, photograph
from storage.pictures import as_png, from_file_bytes

SMALLEST_FAR = 4
"""Side of the smallest square elsewhere that anything is measured on, pixels."""
FAR_COUNT = 3

Box = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An image (3, h, w), its region, and what was said about them on the way in."""

    path: Path
    picture: UInt8[Tensor, "3 h w"]
    mask: Float[Tensor, "1 h w"]
    remarks: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What lies in the file now, what an editor makes of it, and of the original, and the measurements."""

    given: Given
    picture: UInt8[Tensor, "3 h w"]
    edit: Images
    edit_clean: Images
    told: dict[str, Any]


def read_image(path: Path, mask: Path | None, box: Box | None, expansion: int) -> Given:
    """box: x, y of the upper left corner, width, height, in pixels. Raises `MissingFile`, `BadData` or `BadSetting`."""
    for each in (path, mask):
        if each is not None and not each.is_file():
            raise MissingFile(path=str(each), problem=f"there is no file {each}", remedy="check the path")
    picture, converted = photograph(from_file(path))
    said = {"grey": "was grey and became RGB", "transparent": "was transparent and lies over white now"}
    remarks = (f"{path.name} {said[converted]}",) if converted else ()
    height, width = picture.shape[1:]
    if (mask is None) == (box is None):
        raise BadSetting(problem="neither mask nor box, or both", remedy="give --mask FILE or --box x,y,w,h")
    if mask is not None:
        region = decode_file(str(mask)).float().mean(0, keepdim=True)
        if region.shape[1:] != (height, width):
            raise BadData(
                problem=f"{path.name} has {width}×{height} pixels, its mask {region.shape[2]}×{region.shape[1]}",
                remedy="give a mask of the image's size, white where it is to be protected",
            )
        region = (region > 127).float()
    else:
        assert box is not None
        x, y, across, down = box
        if x < 0 or y < 0 or across < 1 or down < 1 or x + across > width or y + down > height:
            raise BadData(
                problem=f"the box {x},{y},{across},{down} does not lie inside of {path.name}, {width}×{height} pixels",
                remedy="give x,y of its upper left corner, its width and its height, in pixels",
            )
        region = torch.zeros(1, height, width)
        region[:, y : y + down, x : x + across] = 1
    try:
        check(from_bytes(picture[None]), region[None], expansion)
    except BadData as error:
        raise BadData(problem=error.problem.replace("image 0", path.name), remedy=error.remedy) from error
    return Given(path=path, picture=picture, mask=region, remarks=remarks)


def protect_image(
    given: Given,
    inpainter: Inpainter,
    method: RuntimePgd | RuntimeFaithful,
    judge: Judge,
    target: Path,
    *,
    seed: int,
    device: torch.device,
    on_step: OnStep,
) -> Saved:
    """Writes a PNG; every number is of the image in that file. Beside it: random noise of the same size."""
    x, masks = from_bytes(given.picture[None]).to(device), given.mask[None].to(device)
    seeds = torch.tensor([seed], device=device)
    far = elsewhere(masks, judge.expansion, seeds)
    began = time.monotonic()
    made = method(inpainter, x, masks, seeds=seeds, on_step=on_step)
    seconds = time.monotonic() - began
    content = as_png(as_bytes(made.images)[0])
    publish(target, lambda local: local.write_bytes(content), size=len(content))
    picture = from_file_bytes(target.read_bytes(), name=str(target))
    images = from_bytes(picture[None]).to(device)
    noise = NoiseControl(epsilon=method.epsilon, losses=method.losses)(inpainter, x, masks, seeds=seeds).images
    with torch.no_grad():
        edit, edit_clean = inpainter(images, masks), inpainter(x, masks)
    told = {
        "image": given.path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "largest_change": float((images - x).abs().max()),
        "protected": numbers(judge(inpainter, x, masks, far, protected=images)),
        "noise_control": numbers(judge(inpainter, x, masks, far, protected=noise)),
        "seconds": round(seconds, 3),
        "remarks": list(given.remarks),
    }
    return Saved(given=given, picture=picture, edit=edit, edit_clean=edit_clean, told=told)


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


def numbers(judged: Judged) -> dict[str, Any]:
    return {field.name: getattr(judged, field.name).item() for field in dataclasses.fields(judged)}
