"""Squares out of a photograph: adjacent ones to measure on, random ones to train on."""

import math

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from methods.randomness import generator

Photograph = UInt8[Tensor, "3 h w"]
Squares = UInt8[Tensor, "n 3 side side"]


def tiles(photograph: Photograph, *, size: int, count: int) -> Squares:
    """Adjacent squares from the middle, row by row, `count` along the shorter side or as many as there is room for.

    Photographs are reduced (bilinear, antialiased), never enlarged; both sides must be at least `size`.
    """
    shorter = min(photograph.shape[1:])
    count = min(count, shorter // size)
    scale = count * size / shorter
    height, width = (max(count * size, round(side * scale)) for side in photograph.shape[1:])
    rows, columns = height // size, width // size
    reduced = _resized(photograph, height, width)
    top, left = (height - rows * size) // 2, (width - columns * size) // 2
    middle = reduced[:, top : top + rows * size, left : left + columns * size]
    return middle.unfold(1, size, size).unfold(2, size, size).permute(1, 2, 0, 3, 4).reshape(-1, 3, size, size)


def crops(photograph: Photograph, *, size: int, count: int, seed: int, name: str) -> Squares:
    """`count` squares at random places, of sides that are uniform in their logarithm, reduced to `size`.

    seed, name: they decide which.
    """
    _, height, width = photograph.shape
    draw = generator(seed, "crops", name)
    found = []
    for _ in range(count):
        share, down, right = torch.rand(3, generator=draw, dtype=torch.float64).tolist()
        side = min(round(size * (min(height, width) / size) ** share), height, width)
        top, left = math.floor(down * (height - side + 1)), math.floor(right * (width - side + 1))
        found.append(_resized(photograph[:, top : top + side, left : left + side], size, size))
    return torch.stack(found)


def _resized(pixels: Photograph, height: int, width: int) -> UInt8[Tensor, "3 height width"]:
    if pixels.shape[1:] == (height, width):
        return pixels
    # the integers of torchvision's resize, which takes seconds to import
    return interpolate(pixels[None], (height, width), mode="bilinear", antialias=True)[0]
