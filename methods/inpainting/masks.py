"""Random regions to be filled: thick strokes and boxes, as LaMa trains with (arXiv 2109.07161, section 2.4)."""

import dataclasses
import math
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Float
from torch import Tensor

Share = Annotated[float, Gt(0), Le(1)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskDraw:
    """A mask is either a few strokes or a few boxes. Lengths are shares of the image's shorter side.

    boxes: probability of the latter. most_boxes, most_strokes: of one mask, one at least, each number equally likely.
    box: smallest and largest side. corners: a stroke's straight parts, each of a length in `part` and turned freely
    against the one before. thickness: of a stroke, smallest and largest.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    boxes: Annotated[float, Ge(0), Le(1)] = 0.5
    most_boxes: Annotated[int, Ge(1), Le(10)] = 2
    box: tuple[Share, Share] = (0.15, 0.4)
    most_strokes: Annotated[int, Ge(1), Le(10)] = 2
    corners: Annotated[int, Ge(1), Le(10)] = 4
    part: tuple[Share, Share] = (0.1, 0.35)
    thickness: tuple[Share, Share] = (0.06, 0.18)


def draw_masks(
    settings: MaskDraw, count: int, height: int, width: int, draw: torch.Generator
) -> Float[Tensor, "count 1 height width"]:
    """1 where an image is to be filled, 0 elsewhere; on the generator's device. Every mask has pixels of both kinds
    as long as `most_boxes`, `most_strokes` and lengths leave room for it, as the defaults do."""
    boxed = _uniform(draw, count, 1, 1) < settings.boxes
    regions = torch.where(
        boxed, _boxes(settings, count, height, width, draw), _strokes(settings, count, height, width, draw)
    )
    return regions[:, None].float()


def _uniform(draw: torch.Generator, *shape: int, between: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    low, high = between
    return low + (high - low) * torch.rand(shape, generator=draw, device=draw.device)


def _used(draw: torch.Generator, count: int, most: int) -> Tensor:
    """Which of `most` shapes a mask has, the first one always."""
    numbers = torch.randint(1, most + 1, (count, 1), generator=draw, device=draw.device)
    return torch.arange(most, device=draw.device) < numbers


def _boxes(settings: MaskDraw, count: int, height: int, width: int, draw: torch.Generator) -> Tensor:
    used = _used(draw, count, settings.most_boxes)[:, :, None]
    whole = torch.tensor([height, width], device=draw.device)
    sides = _uniform(draw, count, settings.most_boxes, 2, between=settings.box) * min(height, width)
    sides = sides.round().clamp(min=1)
    starts = (_uniform(draw, count, settings.most_boxes, 2) * (whole - sides + 1)).floor()
    inside = []
    for axis, length in enumerate((height, width)):
        place = torch.arange(length, device=draw.device)
        start, side = starts[..., axis, None], sides[..., axis, None]
        inside.append((place >= start) & (place < start + side) & used)
    return (inside[0][..., :, None] & inside[1][..., None, :]).any(1)


def _strokes(settings: MaskDraw, count: int, height: int, width: int, draw: torch.Generator) -> Tensor:
    """Pixels whose centre is nearer than half the thickness to a polygonal line."""
    most, parts, shorter = settings.most_strokes, settings.corners, min(height, width)
    used = _used(draw, count, most)
    whole = torch.tensor([height, width], device=draw.device)
    first = _uniform(draw, count, most, 1, 2) * whole
    angle = _uniform(draw, count, most, parts, between=(0.0, 2 * math.pi))
    length = _uniform(draw, count, most, parts, between=settings.part) * shorter
    steps = torch.stack([angle.sin(), angle.cos()], -1) * length[..., None]
    corners = torch.cat([first, first + steps.cumsum(2)], 2)
    radius = _uniform(draw, count, most, between=settings.thickness) * shorter / 2
    radius = radius.clamp(min=1).where(used, -1.0)  # no pixel is that near
    rows = torch.arange(height, device=draw.device)[:, None] + 0.5
    columns = torch.arange(width, device=draw.device)[None, :] + 0.5
    found = torch.zeros(count, height, width, dtype=torch.bool, device=draw.device)
    for stroke in range(most):
        for part in range(parts):
            a, b = corners[:, stroke, part, :, None, None], corners[:, stroke, part + 1, :, None, None]
            (down, right), (to_down, to_right) = a.unbind(1), (b - a).unbind(1)
            along = (rows - down) * to_down + (columns - right) * to_right
            share = (along / (to_down.square() + to_right.square())).clamp(0, 1)
            distance = torch.hypot(rows - down - share * to_down, columns - right - share * to_right)
            found |= distance < radius[:, stroke, None, None]
    return found
