"""Networks of torchvision, by name, untrained, with a head of the right number of classes."""

import dataclasses
from typing import ClassVar, Literal

from torch import nn

from models.permutations import Groups, residual_groups
from models.torchvision_permutations import convnext_groups, vit_groups

CONVNEXT_STRIDE = 32
"""A stem of stride 4 and three halvings, none of which pads: less than one such square is nothing."""

VIT_PATCH = 16


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TorchvisionNetwork:
    """A network as torchvision publishes it; grey images enter as three channels.

    `resnet18`, `resnet50`: 7×7 stem and max-pool, head `fc`.
    `convnext_tiny`, `convnext_small`, `convnext_base` (arXiv 2201.03545): head `classifier.2`, last two norms
    `features.7.2.block.2` and `classifier.0`; stochastic depth while the whole network trains.
    `vit_b_16` (arXiv 2010.11929): head `heads.head`, initially zero, last two norms
    `encoder.layers.encoder_layer_11.ln_2` and `encoder.ln`; its image size is that of the data.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}
    kind: Literal["torchvision"] = "torchvision"
    name: Literal["resnet18", "resnet50", "vit_b_16", "convnext_tiny", "convnext_small", "convnext_base"] = "resnet18"

    @property
    def minimum_size(self) -> int:
        if self.name.startswith("convnext"):
            return CONVNEXT_STRIDE
        return self.patch or 1  # in a ResNet every layer pads, and the pool is global

    @property
    def patch(self) -> int | None:
        return VIT_PATCH if self.name == "vit_b_16" else None

    def module(self, *, classes: int, shape: tuple[int, int, int]) -> nn.Module:
        # Imported here, because it takes as long as PyTorch itself and few runs need it.
        from torchvision.models import get_model

        size = {"image_size": shape[1]} if self.patch else {}
        return get_model(self.name, weights=None, num_classes=classes, **size)

    def permutation_groups(self, *, shape: tuple[int, int, int]) -> Groups:
        match self.name:
            case "vit_b_16":
                return vit_groups(layers=12, width=768, hidden=3072, heads=12)
            case "resnet18" | "resnet50":
                blocks, convs = ((2, 2, 2, 2), 2) if self.name == "resnet18" else ((3, 4, 6, 3), 3)
                return residual_groups(blocks=blocks, width=64, convs=convs, shortcut="downsample", head="fc")
            case _:
                middle = 9 if self.name == "convnext_tiny" else 27
                width = 128 if self.name == "convnext_base" else 96
                return convnext_groups(depths=(3, 3, middle, 3), widths=(width, 2 * width, 4 * width, 8 * width))
