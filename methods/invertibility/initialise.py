"""The first batch decides where a network of ActNorms begins (Glow, arXiv 1807.03039, section 3.1)."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.errors import BadData

CONSTANT = 1e-7
"""A spread below this is that of a constant channel and of rounding."""


@runtime_checkable
class FittedToData(Protocol):
    """A layer that normalises the batch that it is fitted to."""

    def fit(self, x: Float[Tensor, "n c h w"], *, floor: float) -> Float[Tensor, " c"]:
        """Returns the spread of each channel; one below `floor` counts as `floor`."""
        ...


@torch.no_grad()
def initialise(network: nn.Module, images: Float[Tensor, "n c h w"], *, floor: float) -> None:
    """Fits every such layer to what reaches it, one after the other, in one forward pass over images in [0, 1].

    Raises `BadData` where a channel is constant: its spread says nothing of the images to come.
    """

    def hook(name: str, layer: FittedToData) -> object:
        def fit(_: nn.Module, arguments: tuple[Tensor]) -> None:
            (constant,) = (layer.fit(arguments[0], floor=floor) < CONSTANT).nonzero(as_tuple=True)
            if len(constant):
                raise BadData(
                    problem=f"channel {constant[0].item()} at {name} is constant over {len(images)} images",
                    remedy="dequantise the images, begin with more of them, or leave the layer that makes it constant",
                )

        return layer.register_forward_pre_hook(fit)  # type: ignore[attr-defined]

    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, FittedToData)}
    hooks = [hook(name, layer) for name, layer in layers.items()]
    try:
        network(images)
    finally:
        for each in hooks:
            each.remove()  # type: ignore[attr-defined]
