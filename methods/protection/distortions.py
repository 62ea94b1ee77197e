"""What happens to an image on its way to an editor, as functions that a gradient passes through."""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval, MinLen
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from methods.attacks import draws
from methods.errors import BadSetting
from methods.protection.inpainter import Images
from methods.protection.jpeg import compressed

Distort = Callable[[Images], Images]

DRAWS = 1
"""The stream of random numbers; those of the noise have others."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg:
    """Compressed and read again; quality: of the Independent JPEG Group's scale."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["jpeg"] = "jpeg"
    quality: Annotated[int, Interval(ge=1, le=100)] = 75

    def __call__(self, images: Images) -> Images:
        return compressed(images, self.quality)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """To `scale` times the size and back, bilinear, averaged over what a smaller pixel covers."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["resize"] = "resize"
    scale: Annotated[float, Gt(0)] = 0.75

    def __call__(self, images: Images) -> Images:
        height, width = images.shape[2:]
        size = max(1, round(self.scale * height)), max(1, round(self.scale * width))
        other = interpolate(images, size, mode="bilinear", antialias=True)
        return interpolate(other, (height, width), mode="bilinear", antialias=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """A Gaussian of standard deviation `sigma` pixels, cut at three of them; the edge pixels go on outside."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["blur"] = "blur"
    sigma: Annotated[float, Gt(0)] = 1.0

    def __call__(self, images: Images) -> Images:
        radius = math.ceil(3 * self.sigma)
        places = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
        weights = torch.softmax(-((places / self.sigma) ** 2) / 2, 0)
        rows = weights[:, None].expand(3, 1, -1, 1)
        padded = pad(images, (radius,) * 4, mode="replicate")
        return conv2d(conv2d(padded, rows, groups=3), rows.transpose(2, 3), groups=3)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Distortions:
    """Random JPEG compressions and resizings that a protection is trained to survive (Athalye et al., "Synthesizing
    robust adversarial examples", arXiv 1707.07397, section 2).

    kinds: each version is one of these, with equal probability. count: versions of each image, drawn once, so that the
    losses of two iterates can be compared. quality, scale: the ranges that they are drawn from.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kinds: Annotated[tuple[Literal["jpeg", "resize"], ...], MinLen(1)] = ("jpeg", "resize")
    count: Annotated[int, Ge(1)] = 2
    quality: tuple[Annotated[int, Interval(ge=1, le=100)], Annotated[int, Interval(ge=1, le=100)]] = (50, 95)
    scale: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.75, 1.0)

    def __post_init__(self) -> None:
        for name in ("quality", "scale"):
            low, high = getattr(self, name)
            if low > high:
                raise BadSetting(problem=f"{name} goes from {low} to {high}", remedy="give the smaller number first")

    def draw(self, seeds: Int[Tensor, " n"]) -> list[Distort]:
        """`count` functions of n images; each image's own distortions are a function of its seed."""
        chosen = draws.uniform(seeds, DRAWS, shape=(self.count, 2), dtype=torch.float64).tolist()
        return [_Each([self._one(*numbers[version]) for numbers in chosen]) for version in range(self.count)]

    def _one(self, which: float, where: float) -> Distort:
        if self.kinds[int(which * len(self.kinds))] == "jpeg":
            low, high = self.quality
            return Jpeg(quality=low + int(where * (high - low + 1)))
        return Resize(scale=self.scale[0] + where * (self.scale[1] - self.scale[0]))


@dataclasses.dataclass(frozen=True)
class _Each:
    of_image: list[Distort]

    def __call__(self, images: Images) -> Images:
        return torch.cat([distort(images[i : i + 1]) for i, distort in enumerate(self.of_image)])
