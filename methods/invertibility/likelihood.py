"""The likelihood of images under an invertible network: change of variables with a factorised prior."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Over = Literal["all", "nuisance"]
"""Which part of z has a density: all of z, as in the public code, or z_n alone, as the paper writes it. In the latter
nothing but the cross-entropy holds the logits back from stretching without end, which raises the log-determinant."""


class FactorisedNormal(nn.Module):
    """p(z) = Π N(zᵢ; μᵢ, σᵢ²), with all μ and σ learned; it begins as the standard normal."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.mean, self.log_std = nn.Parameter(torch.zeros(length)), nn.Parameter(torch.zeros(length))

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """log p(z) in nats."""
        standard = (z - self.mean) * self.log_std.neg().exp()
        return -(0.5 * standard.square() + self.log_std + 0.5 * math.log(2 * math.pi)).sum(1)


def bits_per_dimension(
    log_density: Float[Tensor, " n"], log_det: Float[Tensor, " n"], dimensions: int
) -> Float[Tensor, " n"]:
    """−log₂ p(x) per pixel and channel, for images of 256 values that were dequantised and divided by 255."""
    return -(log_density + log_det) / (dimensions * math.log(2)) + math.log2(255)


def dequantise(
    images: Float[Tensor, "n c h w"], draw: torch.Generator, *, noise: float = 0.0
) -> Float[Tensor, "n c h w"]:
    """Images of 256 values in [0, 1] with uniform noise of one value's width: a density, and no constant pixel.

    Noise has mean 0, so that the network meets images as they are in the middle of what it was trained on. noise:
    standard deviation of normal noise on top, against over-fitting; likelihoods are then those of noisy images.
    """
    uniform = torch.rand(images.shape, generator=draw, device=images.device, dtype=images.dtype)
    spread = images + (uniform - 0.5) / 255
    if noise:
        normal = torch.randn(images.shape, generator=draw, device=images.device, dtype=images.dtype)
        spread = spread + noise * normal
    return spread
