"""Parameter autoencoders: rows of D numbers to latents of d and back (arXiv 2402.13144, §3.2, and its ablations).

Convolutions shorten the row, one linear map on each side mixes the rest: a row of parameters, unlike a signal, is not
the same everywhere. There is no normalisation layer, so decoding a batch equals decoding its rows one by one, and the
encoder sees the scale of its input (rows come standardised per coordinate).

`straight` is not published: a linear map beside the convolutions, which `start` sets to given components, so that
training starts from the best linear autoencoder instead of from noise.
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
Latent = Positive | Literal["auto"]
"""Length of a latent; `auto` leaves it to whoever builds the network."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conv1dAutoencoder:
    """`channels` of the successive convolutions, each dividing the length by `stride`; `latent` = d.

    straight: with a linear map beside the convolutions.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["conv1d"] = "conv1d"
    channels: Annotated[tuple[Positive, ...], MinLen(1)] = (16, 32, 32)
    stride: Annotated[int, Ge(2)] = 4
    latent: Latent = 64
    straight: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conv2dAutoencoder:
    """The same over the row folded, line by line, into a square image; each convolution divides both its sides."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["conv2d"] = "conv2d"
    channels: Annotated[tuple[Positive, ...], MinLen(1)] = (16, 32, 32)
    stride: Annotated[int, Ge(2)] = 2
    latent: Latent = 64
    straight: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinearAutoencoder:
    """One linear map each way: what is left of it after training is the principal components of the rows."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["linear"] = "linear"
    latent: Latent = 64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NoAutoencoder:
    """The latents are the rows themselves, d = D."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["none"] = "none"


class Bottleneck(nn.Module):
    """`encode`: (n, D) -> (n, d). `decode`: (n, d) -> (n, D). `latent` is d."""

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, length: int, latent: int) -> None:
        super().__init__()
        self.length, self.latent, self.padding = length, latent, 0

    def encode(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n d"]:
        return self.encoder(nn.functional.pad(rows, (0, self.padding)))

    def decode(self, latents: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        return self.decoder(latents)[:, : self.length]

    def start(self, encoder: Float[Tensor, "d D"], decoder: Float[Tensor, "d D"]) -> bool:
        """Encode by one matrix and decode by the other, where the network has a linear map; whether it has one."""
        return False


class Convolutional(Bottleneck):
    """Over the row as it is, or over the row as an image."""

    def __init__(self, config: Conv1dAutoencoder | Conv2dAutoencoder, length: int, latent: int) -> None:
        super().__init__(length, latent)
        axes = 1 if isinstance(config, Conv1dAutoencoder) else 2
        conv, transposed = [(nn.Conv1d, nn.ConvTranspose1d), (nn.Conv2d, nn.ConvTranspose2d)][axes - 1]
        side = length if axes == 1 else math.isqrt(length - 1) + 1
        s = config.stride
        shrink = s ** len(config.channels)
        short = math.ceil(side / shrink)
        self.padding = (short * shrink) ** axes - length
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for narrow, wide in itertools.pairwise((1, *config.channels)):
            # kernel 2s with padding s/2 maps a length L to exactly L/s and back
            down += [conv(narrow, wide, 2 * s, s, (s + 1) // 2), nn.SiLU()]
            up = [transposed(wide, narrow, 2 * s, s, (s + 1) // 2, output_padding=s % 2), nn.SiLU(), *up]
        image, features = (1, *[short * shrink] * axes), (config.channels[-1], *[short] * axes)
        flat = math.prod(features)
        self.encoder = nn.Sequential(nn.Unflatten(1, image), *down, nn.Flatten(), nn.Linear(flat, latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, flat), nn.Unflatten(1, features), nn.SiLU(), *up[:-1], nn.Flatten()
        )
        self.straight = Linear(length, latent) if config.straight else None

    def encode(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n d"]:
        curved = super().encode(rows)
        return curved if self.straight is None else self.straight.encode(rows) + curved

    def decode(self, latents: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        curved = super().decode(latents)
        return curved if self.straight is None else self.straight.decode(latents) + curved

    def start(self, encoder: Float[Tensor, "d D"], decoder: Float[Tensor, "d D"]) -> bool:
        """The convolutions then contribute nothing until they are trained."""
        if self.straight is None:
            return False
        for layers in (self.encoder, self.decoder):
            weight, bias = list(layers.parameters())[-2:]
            nn.init.zeros_(weight)
            nn.init.zeros_(bias)
        return self.straight.start(encoder, decoder)


class Linear(Bottleneck):
    encoder: nn.Linear
    decoder: nn.Linear

    def __init__(self, length: int, latent: int) -> None:
        super().__init__(length, latent)
        self.encoder, self.decoder = nn.Linear(length, latent), nn.Linear(latent, length)

    @torch.no_grad()
    def start(self, encoder: Float[Tensor, "d D"], decoder: Float[Tensor, "d D"]) -> bool:
        self.encoder.weight.copy_(encoder)
        self.decoder.weight.copy_(decoder.T)
        nn.init.zeros_(self.encoder.bias)
        nn.init.zeros_(self.decoder.bias)
        return True


class Identity(Bottleneck):
    def __init__(self, length: int) -> None:
        super().__init__(length, length)
        self.encoder, self.decoder = nn.Identity(), nn.Identity()


Autoencoder = Conv1dAutoencoder | Conv2dAutoencoder | LinearAutoencoder | NoAutoencoder
"""Any parameter autoencoder, told apart by `kind`."""


def build_autoencoder(config: Autoencoder, length: int, *, seed: int, latent: int | None = None) -> Bottleneck:
    """latent: the length that `auto` stands for."""
    if isinstance(config, NoAutoencoder):
        return Identity(length)
    chosen = latent if config.latent == "auto" else config.latent
    if chosen is None:
        raise ValueError("an autoencoder whose latent is `auto` needs a length to be built")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(config, LinearAutoencoder):
            return Linear(length, chosen)
        return Convolutional(config, length, chosen)
