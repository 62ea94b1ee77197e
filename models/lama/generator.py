"""LaMa's generator: down, residual blocks of fast Fourier convolutions, up; one sequence, numbered as released."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.lama.fourier import Block, Maps, Pair, Residual

INPUTS, OUTPUTS = 4, 3
"""The image without what is to be filled, and the mask; the image."""
EDGE_KERNEL = 7
"""Side of the first and the last convolution."""


class Opening(nn.ReflectionPad2d):
    """Padding for the first convolution; from here on there are two halves, the global one empty at first."""

    def forward(self, input: Maps) -> Any:
        return super().forward(input), None


class Joined(nn.Module):
    """Both halves as one map, local channels first."""

    def forward(self, x: Pair) -> Maps:
        near, far = x
        return near if far is None else torch.cat([near, far], 1)


class Generator(nn.Module):
    """Suvorov et al., arXiv 2109.07161, section 2.1 and the released code: (n, 4, h, w) to (n, 3, h, w) in [0, 1].

    Height and width are multiples of 2^downsamplings, and twice that at least, as far as 3×3 convolutions go.
    """

    def __init__(self, *, width: int, downsamplings: int, blocks: int, kernel: int, global_share: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            Opening(EDGE_KERNEL // 2),
            Block((INPUTS, 0), (width, 0), kernel=EDGE_KERNEL, pad=0),
        ]
        deepest = width << downsamplings
        whole = int(deepest * global_share) // 2 * 2  # a spectral transform works on half of them
        halves = (deepest - whole, whole)
        for level in range(downsamplings):
            outputs = halves if level == downsamplings - 1 else (width << level + 1, 0)
            layers.append(Block((width << level, 0), outputs, kernel=3, stride=2))
        layers += [Residual(halves, kernel=kernel) for _ in range(blocks)]
        layers.append(Joined())
        for level in reversed(range(downsamplings)):
            outside = width << level
            up = nn.ConvTranspose2d(2 * outside, outside, 3, stride=2, padding=1, output_padding=1)
            layers += [up, nn.BatchNorm2d(outside), nn.ReLU()]
        layers += [nn.ReflectionPad2d(EDGE_KERNEL // 2), nn.Conv2d(width, OUTPUTS, EDGE_KERNEL), nn.Sigmoid()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "n 4 h w"]) -> Float[Tensor, "n 3 h w"]:
        return self.model(x)
