"""The denoiser of latent diffusion, ε_θ(x_t, t): a 1-D convolutional U-Net with skips over the latent vector.

The latent is read as a signal of one channel; a learned embedding per position is added at the input, since the
positions of a latent, unlike those of a signal, each have a meaning of their own. The time embedding belongs to the
sample: changing t[i] changes only output i.
"""

import dataclasses
import itertools
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, MinLen
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conv1dUnet:
    """`channels` per resolution, from the full length down (each next one at half the length)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["conv1d_unet"] = "conv1d_unet"
    channels: Annotated[tuple[Annotated[int, Ge(8)], ...], MinLen(1)] = (24, 48, 64)
    kernel: Literal[3, 5, 7, 9] = 5


def time_embedding(t: Int[Tensor, " n"], width: int) -> Float[Tensor, "n width"]:
    """Sines and cosines of t at geometrically spaced frequencies (Attention Is All You Need, §3.5)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) / half * torch.arange(half, device=t.device))
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResidualBlock(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, time_width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(math.gcd(before, 8), before), nn.GroupNorm(math.gcd(after, 8), after)
        self.conv1 = nn.Conv1d(before, after, kernel, padding="same")
        self.conv2 = nn.Conv1d(after, after, kernel, padding="same")
        self.time = nn.Linear(time_width, 2 * after)
        self.skip = nn.Conv1d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Float[Tensor, "n c l"], time: Float[Tensor, "n w"]) -> Float[Tensor, "n c2 l"]:
        scale, shift = self.time(time)[:, :, None].chunk(2, dim=1)
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        h = self.conv2(nn.functional.silu(self.norm2(h) * (1 + scale) + shift))
        return h + self.skip(x)


class Unet1d(nn.Module):
    """forward(x_t: (n, d), t: (n,) in 1..T) -> ε: (n, d)."""

    def __init__(self, config: Conv1dUnet, length: int) -> None:
        super().__init__()
        widths, self.length = config.channels, length
        self.halvings = len(widths) - 1
        self.padding = -length % 2**self.halvings
        time_width = 4 * widths[0]
        self.time_width = widths[0]
        self.time = nn.Sequential(
            nn.Linear(widths[0], time_width), nn.SiLU(), nn.Linear(time_width, time_width), nn.SiLU()
        )
        self.first = nn.Conv1d(1, widths[0], config.kernel, padding="same")
        self.position = nn.Parameter(0.02 * torch.randn(1, widths[0], length + self.padding))
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for before, after in itertools.pairwise((widths[0], *widths)):
            self.down.append(ResidualBlock(before, after, config.kernel, time_width))
            self.up.insert(0, ResidualBlock(2 * after, before, config.kernel, time_width))
        self.middle = ResidualBlock(widths[-1], widths[-1], config.kernel, time_width)
        self.norm = nn.GroupNorm(math.gcd(widths[0], 8), widths[0])
        self.last = nn.Conv1d(widths[0], 1, config.kernel, padding="same")
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Float[Tensor, "n d"], t: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        time = self.time(time_embedding(t, self.time_width))
        h = self.first(nn.functional.pad(x, (0, self.padding))[:, None]) + self.position
        skips = []
        for level, block in enumerate(self.down):
            h = block(nn.functional.avg_pool1d(h, 2) if level else h, time)
            skips.append(h)
        h = self.middle(h, time)
        for level, block in enumerate(self.up):
            h = block(torch.cat([h, skips.pop()], dim=1), time)
            if level < self.halvings:
                h = nn.functional.interpolate(h, scale_factor=2.0)
        return self.last(nn.functional.silu(self.norm(h)))[:, 0, : self.length]


Denoiser = Conv1dUnet
"""Any denoiser."""


def build_denoiser(config: Denoiser, length: int, *, seed: int) -> Unet1d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Unet1d(config, length)
