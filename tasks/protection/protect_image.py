"""One image of a user's, protected: searched for, encoded as a PNG, decoded again and only then measured."""

import dataclasses
import hashlib
import time
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from methods.progress import OnStep
from methods.protection.distortions import Resize
from methods.protection.inpainter import Images, Inpainter
from methods.protection.judging import Edited, Judge, Judged
from methods.protection.noise_control import NoiseControl
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.saving import as_bytes, from_bytes
from storage.pictures import as_png, from_file_bytes
from tasks.protection.given_image import Given, elsewhere
from tasks.protection.transforms import JpegFile, Transform, name_of, sent

WAYS: tuple[Transform, ...] = (JpegFile(quality=75), Resize(scale=0.75))
"""What a photograph goes through on most sites; the edit is measured after each of them too."""

Searched = RuntimePgd | RuntimeFaithful


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """content: the PNG. picture: what it holds. edit, edit_clean: of the protected and of the original window. told:
    the measurements.
    """

    given: Given
    content: bytes
    picture: UInt8[Tensor, "3 h w"]
    edit: Images
    edit_clean: Images
    told: dict[str, Any]


def protect_image(
    given: Given,
    inpainter: Inpainter,
    method: Searched,
    judge: Judge,
    *,
    seed: int,
    device: torch.device,
    on_step: OnStep,
) -> Made:
    """Every number is of the image as the PNG holds it. Beside it: random noise of the same size."""
    x, masks = from_bytes(given.cut(given.picture)[None]).to(device), given.cut(given.mask)[None].to(device)
    seeds = torch.tensor([seed], device=device)
    far = elsewhere(masks, judge.expansion, seeds)
    began = time.monotonic()
    found = method(inpainter, x, masks, seeds=seeds, on_step=on_step)
    seconds = time.monotonic() - began
    whole = given.picture.clone()
    given.cut(whole).copy_(as_bytes(found.images)[0])
    content = as_png(whole, given.profile)
    picture = from_file_bytes(content, name=given.path.name)
    images = from_bytes(given.cut(picture)[None]).to(device)
    noise = NoiseControl(epsilon=method.epsilon, losses=method.losses)(inpainter, x, masks, seeds=seeds).images
    goal = method.losses.target
    with torch.no_grad():
        edit, edit_clean = inpainter(images, masks), inpainter(x, masks)
    after = {
        name_of(way): numbers(
            judge.edited(inpainter, x, masks, protected=sent(way, images), goal=goal, clean=sent(way, x))
        )
        for way in WAYS
    }
    told = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "largest_change": float((images - x).abs().max()),
        "protected": numbers(judge(inpainter, x, masks, far, protected=images, goal=goal)),
        "noise_control": numbers(judge(inpainter, x, masks, far, protected=noise, goal=goal)),
        "after": after,
        "seconds": round(seconds, 3),
        "remarks": list(given.remarks),
    }
    return Made(given=given, content=content, picture=picture, edit=edit, edit_clean=edit_clean, told=told)


def numbers(judged: Judged | Edited) -> dict[str, Any]:
    return {field.name: getattr(judged, field.name).item() for field in dataclasses.fields(judged)}
