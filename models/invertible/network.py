"""The fully invertible classifier of Jacobsen et al., "Excessive invariance …", arXiv 1811.00401, section 3.

Levels of [squeeze 2×2, steps, split half]; as many numbers come out as go in. The last map, position by position, then
the halves split off make the vector z; its first numbers, one per class, through a batch norm, are the logits z_s,
and all others the nuisance z_n.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from models.invertible.bodies import Body, body, body_groups
from models.invertible.layers import ActNorm, Coupling, LogDet, LogitNorm, Step
from models.normalize import Normalize
from models.permutations import Groups

Images = Float[Tensor, "n c h w"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InvertibleNetwork:
    """Three levels of 16 one-sided additive steps of 128 hidden channels are those of the published code.

    levels: each halves height and width. steps: per level. hidden: channels inside of a body. sides: halves that one
    step moves, 2 is the block of RevNets. split: half the channels leave after every level but the last; false, all
    stay, as in i-RevNets (arXiv 1802.07088), and cost grows with the level.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}
    kind: Literal["invertible"] = "invertible"
    levels: Annotated[int, Ge(1)] = 3
    steps: Annotated[int, Ge(1)] = 16
    hidden: Annotated[int, Ge(1)] = 128
    body: Body = "actnorm"
    coupling: Literal["additive", "affine"] = "additive"
    sides: Literal[1, 2] = 1
    split: bool = True

    @property
    def minimum_size(self) -> int:
        return 2**self.levels

    def misfit(self, *, classes: int, shape: tuple[int, int, int]) -> str | None:
        """Why no network can be built for such images, or None."""
        _, height, width = shape
        if height % 2**self.levels or width % 2**self.levels:
            return f"{height}×{width} pixels cannot be halved {self.levels} times"
        if classes >= (outputs := math.prod(self.last(shape))):
            return f"the last of {self.levels} levels has {outputs} outputs, which cannot hold {classes} classes"
        return None

    def last(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(channels, height, width) of the last map."""
        channels = shape[0] * 4**self.levels // (2 ** (self.levels - 1) if self.split else 1)
        return channels, shape[1] >> self.levels, shape[2] >> self.levels

    def module(self, *, classes: int, shape: tuple[int, int, int]) -> nn.Module:
        """Raises `ValueError` with the `misfit`."""
        if problem := self.misfit(classes=classes, shape=shape):
            raise ValueError(problem)
        return Invertible(self, classes=classes, shape=shape)

    def permutation_groups(self, *, shape: tuple[int, int, int]) -> Groups:
        """The hidden units of every body; the channels between them are fixed by what is split and read."""
        places = itertools.product(range(self.levels), range(self.steps), range(self.sides))
        names = (f"levels.{level}.{step}.coupling.bodies.{side}" for level, step, side in places)
        return {group: found for name in names for group, found in body_groups(self.body, name, self.hidden).items()}


class Invertible(nn.Module):
    """Float images (n, channels, h, w) of one fixed size to logits (n, classes), or to all of z and back."""

    levels: nn.ModuleList

    def __init__(self, config: InvertibleNetwork, *, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.classes, self.shape, self.split = classes, shape, config.split
        self.last = config.last(shape)
        self.normalize = Normalize((0.0,) * shape[0], (1.0,) * shape[0])
        self.levels = nn.ModuleList()
        channels = shape[0]
        for _ in range(config.levels):
            channels *= 4
            self.levels.append(nn.Sequential(*_steps(config, channels)))
            channels //= 2 if config.split else 1
        self.logits = LogitNorm(classes)

    def forward(self, x: Images) -> Float[Tensor, "n classes"]:
        for number, level in enumerate(self.levels):
            if number and self.split:
                x = x[:, : x.shape[1] // 2]
            x = level(pixel_unshuffle(x, 2))
        return self.logits(_flat(x)[:, : self.classes])

    def encode(self, images: Images) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n"]]:
        """(z, log |det ∂z/∂x|) of images x in [0, 1]; z begins with the logits, and is as long as the image.

        In train mode the batch norm of the logits counts as the scaling that it is for this batch.
        """
        x = self.normalize(images)
        pixels = self.shape[1] * self.shape[2]
        log_det: LogDet = x.new_zeros(len(x)) - self.normalize.std.log().sum() * pixels
        left: list[Tensor] = []
        for number, level in enumerate(self.levels):
            if number and self.split:
                x, half = x.chunk(2, 1)
                left.append(half.flatten(1))
            x = pixel_unshuffle(x, 2)
            for step in level:  # type: ignore[attr-defined]
                x, more = step.encode(x)
                log_det = log_det + more
        last = _flat(x)
        logits, more = self.logits.encode(last[:, : self.classes])
        return torch.cat([logits, last[:, self.classes :], *left], 1), log_det + more

    def decode(self, z: Float[Tensor, "n d"]) -> Images:
        """The images whose z this is. Raises `RuntimeError` in train mode, where batch norms depend on the batch."""
        if self.training:
            raise RuntimeError("an invertible network is inverted in eval mode: call .eval() first")
        last, *left = z.split(self._lengths(), 1)
        last = torch.cat([self.logits.decode(last[:, : self.classes]), last[:, self.classes :]], 1)
        channels, height, width = self.last
        x = last.unflatten(1, (height, width, channels)).permute(0, 3, 1, 2)
        for number, level in reversed(list(enumerate(self.levels))):
            for step in reversed(level):  # type: ignore[call-overload]
                x = step.decode(x)
            x = pixel_shuffle(x, 2)
            if number and self.split:
                x = torch.cat([x, left.pop().view_as(x)], 1)
        return self.normalize.inverse(x)

    def _lengths(self) -> list[int]:
        """Of the pieces of z: the last map, then the halves, first split first."""
        total = math.prod(self.shape)
        halves = [total >> number for number in range(1, len(self.levels))] if self.split else []
        return [total - sum(halves), *halves]


def _steps(config: InvertibleNetwork, channels: int) -> Iterator[Step]:
    width, affine = channels // 2, config.coupling == "affine"
    for _ in range(config.steps):
        bodies = [
            body(config.body, inputs=width, hidden=config.hidden, outputs=channels if affine else width)
            for _ in range(config.sides)
        ]
        yield Step(ActNorm(channels), Coupling(bodies, width=width, affine=affine))


def _flat(last: Images) -> Float[Tensor, "n d"]:
    """All channels of the first position, then of the next: there the published logits are."""
    return last.permute(0, 2, 3, 1).flatten(1)
