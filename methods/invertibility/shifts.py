"""Shifts of cause: pictures with a second mark of their class, which the test images carry at random.

After shiftMNIST (Jacobsen et al., arXiv 1811.00401, section 4.3); the marks here are made from seeds, so figures are
not those of the paper. A network that lives on the mark alone fails on the shifted images.
"""

import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt, Interval
from jaxtyping import Int, UInt8
from torch import Tensor

from methods import randomness
from methods.errors import BadData

Images = UInt8[Tensor, "n c h w"]
Labels = Int[Tensor, " n"]


@runtime_checkable
class Mark(Protocol):
    def __call__(self, images: Images, marks: Labels, *, classes: int, seed: int) -> Images:
        """The images, each with the mark of the class `marks`; `seed` decides what is drawn for each image."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """One pixel on the border, whose place is the class; places are drawn without replacement from `places_seed`.

    value: of the pixel in all channels, 0 to 255. All other pixels of the border become 0 first, so that the mark is
    where it is, and nowhere else.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["binary"] = "binary"
    value: Annotated[int, Interval(ge=1, le=255)] = 255
    places_seed: Annotated[int, Ge(0)] = 0

    def __call__(self, images: Images, marks: Labels, *, classes: int, seed: int) -> Images:
        """Raises `BadData` where the border has fewer pixels than there are classes."""
        height, width = images.shape[2:]
        border = torch.ones(height, width, dtype=torch.bool)
        border[1:-1, 1:-1] = False
        places = border.nonzero()
        if classes > len(places):
            raise BadData(
                problem=f"the border of {height}×{width} pixels has {len(places)} places for {classes} classes",
                remedy="choose larger images, or the textured mark",
            )
        order = torch.randperm(len(places), generator=randomness.generator(self.places_seed, "binary mark"))
        rows, columns = places[order[:classes]].to(images.device)[marks].unbind(1)
        marked = images.masked_fill(border.to(images.device), 0)
        marked[torch.arange(len(images), device=images.device), :, rows, columns] = self.value
        return marked


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Textured:
    """A background of stripes whose direction is the class; where they are brighter than the picture, they show.

    period: of the stripes, in pixels. brightness: of their crests, 1 to 255. Their phase is drawn for each image, so no
    pixel alone has the class.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["textured"] = "textured"
    period: Annotated[float, Gt(2)] = 4.0
    brightness: Annotated[int, Interval(ge=1, le=255)] = 128

    def __call__(self, images: Images, marks: Labels, *, classes: int, seed: int) -> Images:
        height, width = images.shape[2:]
        draw = randomness.generator(seed, "textured mark")
        phase = 2 * math.pi * torch.rand(len(images), 1, 1, generator=draw)
        angle = (math.pi * marks.cpu() / classes)[:, None, None]
        across = torch.arange(width) * angle.cos() + torch.arange(height)[:, None] * angle.sin()
        waves = 0.5 + 0.5 * (2 * math.pi / self.period * across + phase).cos()
        return torch.maximum(images, (self.brightness * waves).round().byte()[:, None].to(images.device))


def carried(mark: Mark, images: Images, labels: Labels, *, classes: int, seed: int) -> Images:
    """Each image with the mark of its own class: what a network is trained on."""
    return mark(images, labels, classes=classes, seed=seed)


def shifted(mark: Mark, images: Images, *, classes: int, seed: int) -> Images:
    """Each image with the mark of a class drawn at random, which may be its own: what it is tested on."""
    draw = randomness.generator(seed, "shifted marks")
    marks = torch.randint(classes, (len(images),), generator=draw).to(images.device)
    return mark(images, marks, classes=classes, seed=seed)
