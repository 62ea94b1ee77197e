"""JPEG's arithmetic without its files, so that a gradient passes: ITU-T T.81, baseline, colour at half resolution."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from methods.protection.inpainter import Images

Plane = Float[Tensor, "n _planes _h _w"]

BLOCK = 8
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""T.81, table K.1."""
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
"""T.81, table K.2."""
YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Rows: luminance, blue and red difference of red, green and blue (JFIF 1.02)."""


def compressed(images: Images, quality: int) -> Images:
    """Compressed with the quality 1 … 100 of the Independent JPEG Group, and read again.

    What is rounded passes gradients as if it were not, else they would be zero everywhere.
    """
    height, width = images.shape[2:]
    colours = torch.tensor(YCBCR, dtype=images.dtype, device=images.device)
    even = pad(images, (0, -width % (2 * BLOCK), 0, -height % (2 * BLOCK)), mode="replicate")
    planes = torch.einsum("pc,nchw->nphw", colours, 255 * even)
    light = _quantised(planes[:, :1] - 128, LUMINANCE, quality) + 128
    colour = _quantised(avg_pool2d(planes[:, 1:], 2), CHROMINANCE, quality)
    colour = interpolate(colour, scale_factor=2, mode="bilinear")
    back = torch.einsum("cp,nphw->nchw", colours.inverse(), torch.cat([light, colour], 1))
    return (back / 255).clamp(0, 1)[:, :, :height, :width]


def _quantised(planes: Plane, table: tuple[tuple[int, ...], ...], quality: int) -> Plane:
    """Each block of 8×8 by its cosines, rounded to multiples of the table's entries, scaled by the quality."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = ((torch.tensor(table) * percent + 50) // 100).clamp(1, 255).to(planes)
    k = torch.arange(BLOCK, dtype=torch.float64)
    cosines = torch.cos((2 * k + 1) * k[:, None] * math.pi / (2 * BLOCK)) / 2
    cosines[0] /= math.sqrt(2)
    dct = cosines.to(planes)
    blocks = planes.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)
    levels = dct @ blocks @ dct.T / steps
    levels = levels + (levels.round() - levels).detach()
    return (dct.T @ (levels * steps) @ dct).transpose(3, 4).flatten(4, 5).flatten(2, 3)
