"""Networks of torchvision, by name, untrained, with a head of the right number of classes."""

import dataclasses
from typing import ClassVar, Literal

import torchvision
from torch import nn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TorchvisionNetwork:
    """A network as torchvision publishes it (7×7 stem and max-pool, head `fc`); grey images enter as three channels."""

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}
    kind: Literal["torchvision"] = "torchvision"
    name: Literal["resnet18", "resnet50"] = "resnet18"

    @property
    def minimum_size(self) -> int:
        return 1  # every layer pads, and the pool is global

    def module(self, *, classes: int, shape: tuple[int, int, int]) -> nn.Module:
        return torchvision.models.get_model(self.name, weights=None, num_classes=classes)
