"""Small networks of convolution, pooling and fully connected layers, whose every parameter can be generated."""

import dataclasses
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, MinLen
from jaxtyping import Float
from torch import Tensor, nn

from models.permutations import Axis, Group, Groups, Seen, affine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConvNet:
    """One 3×3 convolution, ReLU and 2×2 max-pool per entry of `channels`, then the head.

    The head is `linear`, after one fully connected layer of `hidden` units where that is given.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}
    kind: Literal["conv_net"] = "conv_net"
    channels: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (8, 16)
    hidden: Annotated[int, Ge(1)] | None = 32

    @property
    def minimum_size(self) -> int:
        return 2 ** len(self.channels)  # each pool halves, and something has to be left

    def module(self, *, classes: int, shape: tuple[int, int, int]) -> nn.Module:
        return Convolutional(self, classes=classes, shape=shape)

    def permutation_groups(self, *, shape: tuple[int, int, int]) -> Groups:
        """`features.0`, `features.3` … are the channels of a convolution, `hidden.0` the fully connected units."""
        groups, last = {}, len(self.channels) - 1
        pixels = (shape[1] >> last + 1) * (shape[2] >> last + 1)
        flat = Axis("linear.weight" if self.hidden is None else "hidden.0.weight", 1, pixels)
        for place, channels in enumerate(self.channels):
            name = f"features.{3 * place}"
            read = flat if place == last else Axis(f"features.{3 * place + 3}.weight", 1)
            groups[name] = Group(channels, (*affine(name), read), Seen(f"features.{3 * place + 2}"))
        if self.hidden is not None:
            groups["hidden.0"] = Group(self.hidden, (*affine("hidden.0"), Axis("linear.weight", 1)), Seen("hidden.1"))
        return groups


class Convolutional(nn.Module):
    """Float images (n, channels, h, w) of one fixed size to logits (n, classes)."""

    def __init__(self, config: ConvNet, *, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        inputs, height, width = shape
        layers: list[nn.Module] = []
        for outputs in config.channels:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs, height, width = outputs, height // 2, width // 2
        self.features = nn.Sequential(*layers)
        size = inputs * height * width
        self.hidden = nn.Sequential()
        if config.hidden is not None:
            self.hidden = nn.Sequential(nn.Linear(size, config.hidden), nn.ReLU())
            size = config.hidden
        self.linear = nn.Linear(size, classes)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        return self.linear(self.hidden(self.features(x).flatten(1)))
