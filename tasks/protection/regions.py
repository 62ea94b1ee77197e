"""Which squares of photographs are protected, where, and what else an editor might mask: the same for every method."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks import draws
from methods.errors import BadSetting
from methods.protection.inpainter import Images, Masks
from methods.protection.regions import far_boxes
from methods.protection.saving import from_bytes
from methods.randomness import derive
from tasks.protection.photo_context import PhotoContext

DRAWS = 3
"""The stream of random numbers; those of noise, distortions and far squares have others."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """side: of the square that is protected in each image, pixels; it keeps `margin` from the image's edges. far_side,
    far_count: squares elsewhere, which no protection has seen. seed: decides all places, never the seed of a run.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    side: Annotated[int, Ge(2)] = 28
    margin: Annotated[int, Ge(1)] = 8
    far_side: Annotated[int, Ge(1)] = 16
    far_count: Annotated[int, Ge(1)] = 2
    seed: Annotated[int, Ge(0)] = 0

    def check(self, size: int, expansion: int) -> None:
        """Raises `BadSetting` unless every place of the region leaves room for squares elsewhere."""
        around = self.side + 2 * expansion
        if self.margin < expansion or size < self.side + 2 * self.margin or size - around < 2 * self.far_side:
            raise BadSetting(
                problem=f"regions of {self.side} pixels, expanded by {expansion}, {self.margin} from the edge, leave "
                f"no room for squares of {self.far_side} elsewhere in an image of {size}",
                remedy=f"take margin ≥ {expansion}, and larger images (data.size), smaller regions.side or far_side",
            )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Images in [0, 1], one mask for each, squares elsewhere, and what their noise is drawn by."""

    images: Images
    masks: Masks
    far: Float[Tensor, "n k h w"]
    seeds: Int[Tensor, " n"]


def scene(
    photo_context: PhotoContext, regions: Regions, expansion: int, samples: Sequence[int], run_seed: int
) -> Scene:
    """Of these squares of the test split; nothing depends on which others are asked for."""
    index = torch.tensor(samples, device=photo_context.device)
    images = from_bytes(photo_context.test.images[index])
    masks, places = region_masks(regions, images, samples), index + derive(regions.seed, "regions")
    far = far_boxes(masks, expansion, side=regions.far_side, count=regions.far_count, seeds=places)
    return Scene(images=images, masks=masks, far=far, seeds=index + derive(run_seed, "protect"))


def region_masks(regions: Regions, images: Tensor, samples: Sequence[int]) -> Masks:
    """A square for each image (n, 3, h, w), whose place its index in the test split decides."""
    masks = torch.zeros(len(images), 1, *images.shape[2:], device=images.device)
    seeds = torch.tensor(samples) + derive(regions.seed, "regions")
    room = torch.tensor([side - 2 * regions.margin - regions.side + 1 for side in images.shape[2:]])
    starts = (draws.uniform(seeds, DRAWS, shape=(2,)) * room).long() + regions.margin
    for mask, (top, left) in zip(masks, starts.tolist(), strict=True):
        mask[:, top : top + regions.side, left : left + regions.side] = 1
    return masks
