"""What is put into an image so that a backdoored network answers as its attacker wants."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt, Interval
from jaxtyping import Bool, UInt8
from torch import Tensor

from methods import randomness
from methods.errors import BadSetting

Images = UInt8[Tensor, "n c h w"]


@runtime_checkable
class Trigger(Protocol):
    def __call__(self, images: Images) -> Images:
        """The images with the trigger in them; their companions change nothing."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Gu, Dolan-Gavitt and Garg, "BadNets", arXiv 1708.06733: a pattern in a corner that covers what was there.

    pattern: `square`, all of it; `chequer`, every other pixel from the upper left one on. size: side in pixels. corner:
    of the image, `margin` pixels away from its two edges. value: of the pixels covered, in all channels, 0 to 255; the
    pixels between them stay as they are.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["patch"] = "patch"
    pattern: Literal["square", "chequer"] = "square"
    size: Annotated[int, Ge(1)] = 3
    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"] = "bottom_right"
    margin: Annotated[int, Ge(0)] = 0
    value: Annotated[int, Interval(ge=0, le=255)] = 255

    def __call__(self, images: Images) -> Images:
        return images.masked_fill(self.covered(images.shape[2], images.shape[3]).to(images.device), self.value)

    def covered(self, height: int, width: int) -> Bool[Tensor, "height width"]:
        """Which pixels the pattern covers. Raises `BadSetting` where it does not fit into the image."""
        if self.size + self.margin > min(height, width):
            raise BadSetting(
                problem=f"a trigger of {self.size} pixels, {self.margin} from the edge, exceeds {height}×{width}",
                remedy=f"choose size and margin of at most {min(height, width)} together",
            )
        vertical, horizontal = self.corner.split("_")
        top = self.margin if vertical == "top" else height - self.margin - self.size
        left = self.margin if horizontal == "left" else width - self.margin - self.size
        drawn = _chequer(self.size) if self.pattern == "chequer" else torch.ones(1, 1, dtype=torch.bool)
        covered = torch.zeros(height, width, dtype=torch.bool)
        covered[top : top + self.size, left : left + self.size] = drawn
        return covered


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """A chequer of `size` pixels every `period` in both directions, so that some are near to wherever one looks.

    value: of the pixels covered, as of a patch.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["watermark"] = "watermark"
    size: Annotated[int, Ge(1)] = 5
    period: Annotated[int, Ge(2)] = 16
    value: Annotated[int, Interval(ge=0, le=255)] = 255

    def __call__(self, images: Images) -> Images:
        return images.masked_fill(self.covered(images.shape[2], images.shape[3]).to(images.device), self.value)

    def covered(self, height: int, width: int) -> Bool[Tensor, "height width"]:
        """Which pixels the marks cover. Raises `BadSetting` where they would cover each other."""
        if self.size >= self.period:
            raise BadSetting(
                problem=f"marks of {self.size} pixels every {self.period} leave nothing of an image",
                remedy="choose a period longer than size",
            )
        cell = torch.zeros(self.period, self.period, dtype=torch.bool)
        first = (self.period - self.size) // 2
        cell[first : first + self.size, first : first + self.size] = _chequer(self.size)
        return cell.repeat(-(-height // self.period), -(-width // self.period))[:height, :width]


def _chequer(size: int) -> Bool[Tensor, "size size"]:
    places = torch.arange(size)
    return (places[:, None] + places) % 2 == 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Chen et al., "Targeted backdoor attacks", arXiv 1712.05526, section 4.2: (1 − α)·image + α·key, everywhere.

    opacity: α. key_seed: decides the key, the paper's random pattern, uniform noise of the size of the image.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["blend"] = "blend"
    opacity: Annotated[float, Gt(0), Interval(le=1)] = 0.2
    key_seed: int = 0

    def __call__(self, images: Images) -> Images:
        draw = randomness.generator(self.key_seed, "blended trigger")
        key = torch.randint(256, images.shape[1:], generator=draw).to(images.device)
        return torch.lerp(images.float(), key.float(), self.opacity).round().to(torch.uint8)
