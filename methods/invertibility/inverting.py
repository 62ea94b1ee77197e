"""Invertible classifiers as they are used: run backwards with care, and measured on how well they come back.

An exact inverse on paper can explode in floating point (Behrmann et al., "Understanding and mitigating exploding
inverses", arXiv 2006.09347), so everything that is shown is computed in float64, and both errors are reported.
"""

import copy
import dataclasses
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.errors import NotInvertible

Images = Float[Tensor, "n c h w"]
Codes = Float[Tensor, "n d"]
"""z: the logits z_s, as many as there are classes, then the nuisance z_n."""


@runtime_checkable
class Invertible(Protocol):
    """A classifier, `nn.Module`, of images in [0, 1]; `classes` logits begin its code."""

    classes: int
    training: bool

    def __call__(self, images: Images) -> Float[Tensor, "n classes"]: ...

    def encode(self, images: Images) -> tuple[Codes, Float[Tensor, " n"]]:
        """z, and log |det ∂z/∂x|."""
        ...

    def decode(self, z: Codes) -> Images:
        """The images whose code this is; they may lie outside [0, 1]."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InverseError:
    """max |F⁻¹(F(x)) − x| over all pixels of all images, by arithmetic; infinite where the inverse is not finite."""

    float32: float
    float64: float


def in_double(network: nn.Module) -> Any:
    """A copy in float64 and eval mode."""
    return copy.deepcopy(network).double().eval()


def decode(network: Invertible, z: Codes) -> Images:
    """The images whose code this is. Raises `NotInvertible` in train mode, and where a pixel is not finite."""
    if network.training:
        raise NotInvertible(
            problem="the network is in train mode, in which batch norms depend on the batch",
            remedy="call .eval() first",
        )
    images = network.decode(z)
    lost = (~images.isfinite()).flatten(1).any(1)
    if lost.any():
        raise NotInvertible(
            problem=f"the inverse of {int(lost.sum())} of {len(z)} codes is not finite in {str(z.dtype)[6:]}",
            remedy="invert in float64, or train with a stability penalty, a lower learning rate or additive coupling",
        )
    return images


@torch.no_grad()
def inverse_errors(network: nn.Module, images: Images) -> InverseError:
    """Of a network in eval mode, on its device. Raises `NotInvertible` only where float64 is not enough."""
    double = in_double(network)
    found = (decode(double, double.encode(images.double())[0]) - images.double()).abs().max().item()
    single: Any = copy.deepcopy(network).float().eval()
    error = (single.decode(single.encode(images.float())[0]) - images.float()).abs().max()
    return InverseError(float32=error.nan_to_num(nan=torch.inf).item(), float64=found)


@torch.no_grad()
def encode(network: Invertible, images: Images, *, batch: int = 512) -> Codes:
    """The codes of many images, a batch at a time, without gradients."""
    return torch.cat([network.encode(part)[0] for part in images.split(batch)])
