"""How well an editor fills holes: measured on squares and masks that decided nothing."""

import dataclasses
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float, UInt8
from torch import Tensor

from methods.evaluation.similarity import masked_l1, masked_ssim
from methods.inpainting.masks import MaskDraw, draw_masks
from methods.protection.inpainter import Inpainter
from methods.randomness import generator


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """masks: drawn anew for each square, `each` of them, which `seed` decides."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    masks: MaskDraw = dataclasses.field(default_factory=MaskDraw)
    each: Annotated[int, Ge(1)] = 4
    seed: Annotated[int, Ge(0)] = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Filled:
    """Inside of each hole, square by square, `each` masks of one before the next square: L1 in [0, 1], SSIM."""

    l1: tuple[float, ...]
    ssim: tuple[float, ...]


def holes(quality: Quality, index: int, height: int, width: int, *purpose: str) -> Float[Tensor, "each 1 height width"]:
    """The masks of one square, on the CPU; no other square changes them."""
    return draw_masks(quality.masks, quality.each, height, width, generator(quality.seed, "holes", *purpose, index))


@torch.no_grad()
def measured(editor: Inpainter, squares: UInt8[Tensor, "n 3 height width"], quality: Quality, *purpose: str) -> Filled:
    """purpose: names the masks, so that every editor is given the same ones."""
    l1: list[float] = []
    ssim: list[float] = []
    for index, square in enumerate(squares):
        masks = holes(quality, index, *square.shape[1:], *purpose).to(squares.device)
        images = (square.float() / 255).expand(quality.each, -1, -1, -1)
        filled = editor(images, masks)
        l1 += masked_l1(filled, images, masks).tolist()
        ssim += masked_ssim(filled, images, masks).tolist()
    return Filled(tuple(l1), tuple(ssim))
