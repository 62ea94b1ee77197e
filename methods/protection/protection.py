"""The interface of every protection, and what it returns."""

import dataclasses
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from methods.progress import OnStep, silent
from methods.protection.inpainter import Images, Inpainter, Masks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """images: on levels of 8 bits, within ε of the clean ones (`saved`), no gradient attached. losses: L of every
    iterate that was looked at. chosen: which of these iterates the images are.
    """

    images: Images
    losses: Float[Tensor, "n looks"]
    chosen: Int[Tensor, " n"]


@runtime_checkable
class Protection(Protocol):
    kind: Any

    def __call__(
        self, inpainter: Inpainter, x: Images, masks: Masks, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Protected:
        """The images with noise that makes the inpainter fail where the masks say.

        x: float in [0, 1]. masks: 1 is the region to be protected. seeds: one for each image; the result of an image
        depends on its own alone. Raises `BadData` for images and masks that cannot be protected.
        """
        ...
