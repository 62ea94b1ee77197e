"""The regions that a mask m of a protected object makes: what an editor might mask instead of it, and what is left."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import max_pool2d

from methods.attacks import draws
from methods.attacks.measuring import check_images
from methods.errors import BadData
from methods.protection.inpainter import Images, Masks

DRAWS = 2
"""The stream of random numbers; those of noise and distortions have others."""


def expanded(masks: Masks, radius: int) -> Masks:
    """E(m): dilated by a square of side 2·radius + 1 pixels."""
    return max_pool2d(masks, 2 * radius + 1, stride=1, padding=radius)


def ring(masks: Masks, radius: int) -> Masks:
    """E'(m) = E(m) − m: what surrounds the region."""
    return expanded(masks, radius) - masks


def half(masks: Masks) -> Masks:
    """The left part of the region: as many whole columns of it as hold half of its pixels, and the one that does.

    Of m and of E(m), these are the incomplete triggers: an editor that masks less than the region.
    """
    columns = masks.sum((1, 2), keepdim=True)
    before = columns.cumsum(3) - columns
    return masks * (2 * before < columns.sum(3, keepdim=True))


def far_boxes(
    masks: Masks, radius: int, *, side: int, count: int, seeds: Int[Tensor, " n"]
) -> Float[Tensor, "n count h w"]:
    """Masks that have nothing to do with the region: `count` squares of `side` pixels for each image, outside of E(m).

    Places are uniform among all that fit, may overlap one another, and are a function of each image's seed. Raises
    `BadData` where none fits.
    """
    boxes = masks.new_zeros(len(masks), count, *masks.shape[2:])
    shares = draws.uniform(seeds, DRAWS, shape=(count,), dtype=torch.float64)
    for place, region in enumerate(expanded(masks, radius)):
        fits = side <= min(region.shape[1:])
        free = (max_pool2d(region, side, stride=1)[0] == 0).nonzero().tolist() if fits else []
        if not free:
            raise BadData(
                problem=f"image {place}: no square of {side} pixels fits outside of the mask expanded by {radius}",
                remedy="ask for smaller squares, expand less, or protect less of the image",
            )
        for box, share in zip(boxes[place], shares[place].tolist(), strict=True):
            top, left = free[int(share * len(free))]
            box[top : top + side, left : left + side] = 1
    return boxes


def check(images: Images, masks: Float[Tensor, "_k 1 _i _j"], radius: int = 0) -> None:
    """Raises `BadData` unless all images can be protected where these masks, expanded by `radius`, say."""
    check_images(images)
    if images.shape[2:] != masks.shape[2:] or len(images) != len(masks):
        raise BadData(
            problem=f"{len(images)} images of {images.shape[2]}×{images.shape[3]} pixels, "
            f"{len(masks)} masks of {masks.shape[2]}×{masks.shape[3]}",
            remedy="give each image a mask of its own size",
        )
    if not bool(((masks == 0) | (masks == 1)).all()):
        raise BadData(problem="masks have values between 0 and 1", remedy="round them: 1 is the region, 0 the rest")
    for place, share in enumerate(masks.mean((1, 2, 3)).tolist()):
        if share in (0, 1):
            raise BadData(
                problem=f"image {place}: the mask {'covers everything' if share else 'is empty'}",
                remedy="mark the region with 1 and the rest with 0; the noise that protects lies around the region",
            )
    side = 2 * radius + 1
    if min(images.shape[2:]) < side:
        raise BadData(
            problem=f"an image of {images.shape[2]}×{images.shape[3]} pixels is smaller than the {side}×{side} pixels "
            "that the mask is expanded by",
            remedy="expand less, or take a larger image",
        )
    for place, share in enumerate(expanded(masks, radius).mean((1, 2, 3)).tolist()):
        if share == 1:
            raise BadData(
                problem=f"image {place}: the mask expanded by {radius} pixels covers everything",
                remedy="expand less, or mark a smaller region: something has to be left around it",
            )
