"""The parameter autoencoder: rows of D numbers to latents of d and back, by 1-D convolutions (arXiv 2402.13144, §3.2).

Convolutions shorten the row, one linear map on each side mixes the rest: a row of parameters, unlike a signal, is not
the same everywhere. There is no normalisation layer, so decoding a batch equals decoding its rows one by one, and the
encoder sees the scale of its input (rows come standardised per coordinate).
"""

import dataclasses
import itertools
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, MinLen
from jaxtyping import Float
from torch import Tensor, nn

Positive = Annotated[int, Ge(1)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conv1dAutoencoder:
    """`channels` of the successive convolutions, each dividing the length by `stride`; `latent` = d."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["conv1d"] = "conv1d"
    channels: Annotated[tuple[Positive, ...], MinLen(1)] = (16, 32, 32)
    stride: Annotated[int, Ge(2)] = 4
    latent: Positive = 64


class ConvolutionalAutoencoder(nn.Module):
    """`encode`: (n, D) -> (n, d). `decode`: (n, d) -> (n, D)."""

    def __init__(self, config: Conv1dAutoencoder, length: int) -> None:
        super().__init__()
        s, self.length = config.stride, length
        shrink = s ** len(config.channels)
        short = math.ceil(length / shrink)
        self.padding = short * shrink - length
        widths = (1, *config.channels)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for narrow, wide in itertools.pairwise(widths):
            # kernel 2s with padding s/2 maps a length L to exactly L/s and back
            down += [nn.Conv1d(narrow, wide, 2 * s, s, (s + 1) // 2, bias=True), nn.SiLU()]
            up = [nn.ConvTranspose1d(wide, narrow, 2 * s, s, (s + 1) // 2, output_padding=s % 2), nn.SiLU(), *up]
        flat = config.channels[-1] * short
        self.encoder = nn.Sequential(nn.Unflatten(1, (1, -1)), *down, nn.Flatten(), nn.Linear(flat, config.latent))
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, flat),
            nn.Unflatten(1, (config.channels[-1], short)),
            nn.SiLU(),
            *up[:-1],
            nn.Flatten(),
        )

    def encode(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n d"]:
        return self.encoder(nn.functional.pad(rows, (0, self.padding)))

    def decode(self, latents: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        return self.decoder(latents)[:, : self.length]


Autoencoder = Conv1dAutoencoder
"""Any parameter autoencoder."""


def build_autoencoder(config: Autoencoder, length: int, *, seed: int) -> ConvolutionalAutoencoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ConvolutionalAutoencoder(config, length)
