"""Judges patches of an image: real photograph or made up? Isola et al., arXiv 1611.07004, section 3.2.2."""

import dataclasses
import itertools
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn

LEAK = 0.2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PatchDiscriminator:
    """width: channels of the first convolution, doubled by each of the `layers` that halve the image. No norm: a
    gradient penalty keeps it smooth, and the judgement of an image depends on no other."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    width: Annotated[int, Ge(1)] = 32
    layers: Annotated[int, Ge(1)] = 3

    @property
    def minimum_size(self) -> int:
        return 2**self.layers

    def module(self) -> "PatchJudge":
        return PatchJudge(width=self.width, layers=self.layers)


class PatchJudge(nn.Module):
    """Images in [0, 1] to logits of overlapping patches, and the maps of each layer before them."""

    def __init__(self, *, width: int, layers: int) -> None:
        super().__init__()
        channels = [3, *(width << layer for layer in range(layers))]
        self.halving = nn.ModuleList(
            nn.Conv2d(inside, outside, 4, stride=2, padding=1) for inside, outside in itertools.pairwise(channels)
        )
        self.verdict = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(
        self, images: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n 1 i j"], list[Float[Tensor, "n _ _ _"]]]:
        x, features = 2 * images - 1, []
        for convolution in self.halving:
            x = nn.functional.leaky_relu(convolution(x), LEAK)
            features.append(x)
        return self.verdict(x), features


def build_discriminator(config: PatchDiscriminator, *, seed: int) -> nn.Module:
    """In train mode, on the CPU; the same seed gives the same parameters, and no global random state changes."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return config.module()
