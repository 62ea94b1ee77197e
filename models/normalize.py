"""Normalisation that lives inside the classifier, so that every image outside it is in [0, 1]."""

import functools
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Normalize(nn.Module):
    """(x − mean) / std per channel; a one-channel image meets three means as three equal channels, by broadcasting.

    The buffers are not persistent: a state dict holds parameters of the network only, under the network's own names.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n channels h w"]:
        return (images - self.mean) / self.std

    def inverse(self, x: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n channels h w"]:
        return x * self.std + self.mean


@functools.cache
def _normalised(kind: type[nn.Module]) -> type[nn.Module]:
    def forward(self: Any, images: Tensor) -> Tensor:
        return kind.forward(self, self.normalize(images))

    return type(f"Normalised{kind.__name__}", (kind,), {"forward": forward, "__module__": __name__})


def with_normalisation(network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> nn.Module:
    """The same network, normalising its input first; mean and std are in [0, 1] pixel units, one number per channel.

    A wrapper would put a prefix before every parameter name; a subclass leaves `layer4.1.bn1.weight` what it is.
    """
    network.normalize = Normalize(mean, std)
    network.__class__ = _normalised(type(network))  # type: ignore[arg-type]
    return network
