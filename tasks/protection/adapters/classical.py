"""OpenCV's inpainting as editors: no network, no training, no gradient."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import cv2
import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from methods.protection.inpainter import Images, Masks, paste

METHODS = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Classical:
    """Telea's fast marching (2004), or the Navier–Stokes equations of Bertalmio et al. (2001).

    radius: of the neighbourhood that a filled pixel is made from, pixels.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    differentiable: ClassVar[bool] = False

    kind: Literal["telea", "navier_stokes"] = "telea"
    radius: Annotated[float, Gt(0)] = 3.0

    def open(self, device: torch.device) -> "Classical":
        return self

    @torch.no_grad()
    def __call__(self, images: Images, masks: Masks) -> Images:
        """Fills are computed of the images rounded to 8 bits, and are such themselves; the rest stays as it was."""
        fills = [self._fill(image, mask) for image, mask in zip(_bytes(images), masks.bool().cpu(), strict=True)]
        return paste(images, masks, torch.stack(fills).to(images))

    def _fill(self, image: Tensor, mask: Tensor) -> Tensor:
        pixels, hole = image.permute(1, 2, 0).contiguous().numpy(), mask[0].byte().numpy()
        filled: np.ndarray = cv2.inpaint(pixels, hole, self.radius, METHODS[self.kind])
        return torch.from_numpy(filled).permute(2, 0, 1).float() / 255


def _bytes(images: Images) -> Tensor:
    return (images.detach().clamp(0, 1) * 255).round().byte().cpu()
