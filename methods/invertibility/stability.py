"""A penalty on how much a network and its inverse stretch small distances, for networks whose inverse explodes."""

import dataclasses
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor

from methods.invertibility.inverting import Images, Invertible


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Behrmann et al., arXiv 2006.09347, section 5.1: finite differences along one random direction for each image.

    weight: of the penalty. step: length of the difference, in pixel units at the image and in units of z at the code.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    weight: Annotated[float, Ge(0)] = 1e-4
    step: Annotated[float, Gt(0)] = 0.1

    def __call__(self, network: Invertible, images: Images, draw: torch.Generator) -> Float[Tensor, ""]:
        """‖F(x + εv) − F(x)‖²/ε² + ‖F⁻¹(z + εw) − F⁻¹(z)‖²/ε², in mean over images. The network is in eval mode."""
        z = network.encode(images)[0]
        there = network.encode(images + self.step * _direction(images, draw))[0] - z
        back = network.decode(z + self.step * _direction(z, draw)) - network.decode(z)
        return sum((moved / self.step).flatten(1).square().sum(1).mean() for moved in (there, back))  # type: ignore[return-value]


def _direction(like: Tensor, draw: torch.Generator) -> Tensor:
    """One of length 1 for each row."""
    random = torch.randn(like.shape, generator=draw, device=like.device, dtype=like.dtype).flatten(1)
    return torch.nn.functional.normalize(random).view_as(like)
