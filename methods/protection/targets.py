"""φ: what an editor is to find instead of a fill."""

from typing import Literal

import torch

from methods.protection.inpainter import Images
from methods.protection.saving import LEVELS

TargetKind = Literal["far_colour", "negative"]


def target(kind: TargetKind, x: Images) -> Images:
    """`far_colour`: of pure green, red and blue the one farthest from the image's mean colour, everywhere; `negative`:
    1 − x.

    The squared distance of a mean colour a to the pure colour of channel c is |a|² + 1 − 2·a_c, so the farthest is that
    of the darkest channel; equal ones go to green, then to red, and means count in whole levels of 8 bits, as in the
    public code.
    """
    if kind == "negative":
        return 1 - x
    levels = (LEVELS * x).round().double().sum((2, 3)) // (x.shape[2] * x.shape[3])
    order = torch.tensor([1, 0, 2], device=x.device)
    darkest = order[levels[:, order].argmin(1)]
    colours = torch.eye(3, dtype=x.dtype, device=x.device)[darkest]
    return colours[:, :, None, None].expand_as(x)
