"""The configurations of inpainting networks: LaMa's generator, and a U-Net of its blocks."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Lt, MultipleOf
from torch import nn

from models.lama.generator import EDGE_KERNEL, Generator
from models.lama.unet import UNetGenerator


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lama:
    """The defaults are those of the released `big-lama`: 50,975,875 parameters, state names and shapes included.

    width: channels of the first convolution; each downsampling doubles them. blocks: residual ones, 9 in
    `lama-fourier`. kernel: side of their convolutions. global_share: of the channels inside the residual blocks, those
    that a Fourier unit sees, an even number; 0, there are none and the network is an ordinary residual one.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["lama"] = "lama"
    width: Annotated[int, Ge(4), MultipleOf(4)] = 64
    downsamplings: Annotated[int, Ge(1)] = 3
    blocks: Annotated[int, Ge(0)] = 18
    kernel: Literal[1, 3, 5, 7] = 3
    global_share: Annotated[float, Ge(0), Lt(1)] = 0.75

    @property
    def multiple(self) -> int:
        """What the sides of an image are a multiple of."""
        return 2**self.downsamplings

    @property
    def minimum_size(self) -> int:
        """Smallest side: reflection at each depth needs more pixels than it adds."""
        return max((self.kernel // 2 + 1) * self.multiple, EDGE_KERNEL // 2 + 1)

    def module(self) -> Generator:
        """In train mode, on the default device, from the default random state."""
        return Generator(
            width=self.width,
            downsamplings=self.downsamplings,
            blocks=self.blocks,
            kernel=self.kernel,
            global_share=self.global_share,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FourierUNet:
    """A U-Net with LaMa's residual blocks that corrects a smooth fill: it learns on one core in minutes to hours.

    width: channels at full resolution; each downsampling doubles them, up to `most`. blocks, global_share: as of
    `Lama`, where the map is smallest.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["fourier_unet"] = "fourier_unet"
    width: Annotated[int, Ge(4), MultipleOf(4)] = 16
    downsamplings: Annotated[int, Ge(1)] = 2
    blocks: Annotated[int, Ge(0)] = 2
    global_share: Annotated[float, Ge(0), Lt(1)] = 0.5
    most: Annotated[int, Ge(4), MultipleOf(4)] = 128

    @property
    def multiple(self) -> int:
        """What the sides of an image are a multiple of."""
        return 2**self.downsamplings

    @property
    def minimum_size(self) -> int:
        """Smallest side: reflection at each depth needs more pixels than it adds."""
        return max(2 * self.multiple, EDGE_KERNEL // 2 + 1)

    def module(self) -> UNetGenerator:
        """In train mode, on the default device, from the default random state."""
        return UNetGenerator(
            width=self.width,
            downsamplings=self.downsamplings,
            blocks=self.blocks,
            global_share=self.global_share,
            most=self.most,
        )


InpaintingNetwork = Lama | FourierUNet


def build_inpainter(config: InpaintingNetwork, *, seed: int) -> nn.Module:
    """The initialised generator, in train mode, on the CPU; as `models.build`, bit for bit and without side effects."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return config.module()
