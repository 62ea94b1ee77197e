"""An image as it is saved: 8 bits a channel, and still within its budget."""

import torch
from jaxtyping import UInt8
from torch import Tensor

from methods.protection.inpainter import Images

LEVELS = 255
SLACK = 1e-3
"""In levels: an image that was read from 8 bits lies on a level but for the rounding of its type."""

Bytes = UInt8[Tensor, "n 3 h w"]


def saved(protected: Images, x: Images, epsilon: float) -> Images:
    """The nearest levels k/255 in [0, 1] that lie within ε of x.

    Rounding to the nearest level alone could leave the budget by half a level, so it is cut to the levels between
    ⌈255(x − ε)⌉ and ⌊255(x + ε)⌋. Those exist for ε ≥ 1/255, and for any ε if x itself has 8 bits (then ε is as good as
    ⌊255ε⌋/255, and one below 1/255 leaves the image as it was). Where there is none, the level nearest to x is taken.
    """
    lowest = (LEVELS * (x.double() - epsilon) - SLACK).ceil()
    highest = (LEVELS * (x.double() + epsilon) + SLACK).floor()
    nearest = torch.where(lowest > highest, LEVELS * x.double(), (LEVELS * protected.double()).round())
    levels = torch.where(lowest > highest, nearest.round(), nearest.clamp(lowest, highest)).clamp(0, LEVELS)
    return levels.to(x.dtype) / LEVELS


def as_bytes(images: Images) -> Bytes:
    """The nearest levels; of images that were `saved`, exactly theirs, and `from_bytes` gives the same images back."""
    return (LEVELS * images).round().to(torch.uint8)


def from_bytes(images: Bytes, dtype: torch.dtype = torch.float32) -> Images:
    return images.to(dtype) / LEVELS
