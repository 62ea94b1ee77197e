"""Residual networks for small images (He et al. 2016, arXiv 1512.03385): a 3×3 stem and no max-pool.

Module names are those of the parameter-diffusion literature: `layer1` … `layer4`, blocks with `conv1 bn1 conv2 bn2`
(and `conv3 bn3`) and `shortcut`, head `linear`.
"""

import dataclasses
from typing import Annotated, ClassVar, Literal

import torch.nn.functional as F
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn

from models.permutations import Groups, residual_groups


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CifarResNet:
    """Depth 18 and 34 of basic blocks, 50 of bottlenecks; the four stages have 1, 2, 4 and 8 times `width` channels.

    Width 64 is the published network: 11,173,962 parameters at depth 18 for 10 classes.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}
    kind: Literal["cifar_resnet"] = "cifar_resnet"
    depth: Literal[18, 34, 50] = 18
    width: Annotated[int, Ge(1)] = 64

    @property
    def minimum_size(self) -> int:
        return 1  # every layer pads, and the pool is global

    def module(self, *, classes: int, shape: tuple[int, int, int]) -> nn.Module:
        return ResNet(self, classes=classes, channels=shape[0])

    @property
    def blocks(self) -> tuple[int, int, int, int]:
        """Of each stage."""
        return (2, 2, 2, 2) if self.depth == 18 else (3, 4, 6, 3)

    def permutation_groups(self, *, shape: tuple[int, int, int]) -> Groups:
        convs = 3 if self.depth == 50 else 2
        return residual_groups(blocks=self.blocks, width=self.width, convs=convs, shortcut="shortcut", head="linear")


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """Float images (n, channels, h, w) to logits (n, classes)."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, config: CifarResNet, *, classes: int, channels: int) -> None:
        super().__init__()
        block = Bottleneck if config.depth == 50 else BasicBlock
        self.conv1 = nn.Conv2d(channels, config.width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        inputs = config.width
        for stage, count in enumerate(config.blocks):
            width = config.width * 2**stage
            layers = []
            for place in range(count):
                layers.append(block(inputs, width, stride=2 if stage > 0 and place == 0 else 1))
                inputs = width * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(self.pool(x).flatten(1))
