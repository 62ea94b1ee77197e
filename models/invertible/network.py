"""The configuration of the fully invertible classifier of Jacobsen et al., arXiv 1811.00401, section 3."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from torch import nn

from models.invertible.bijection import Invertible
from models.invertible.bodies import Body, body, body_groups
from models.invertible.layers import ActNorm, Coupling, Step
from models.permutations import Groups


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
        channels = (shape[0] * 4 ** (level + 1) // (2**level if self.split else 1) for level in range(self.levels))
        levels = [nn.Sequential(*self._steps(each)) for each in channels]
        return Invertible(levels, split=self.split, classes=classes, shape=shape)

    def _steps(self, channels: int) -> Iterator[Step]:
        width, affine = channels // 2, self.coupling == "affine"
        for _ in range(self.steps):
            bodies = [
                body(self.body, inputs=width, hidden=self.hidden, outputs=channels if affine else width)
                for _ in range(self.sides)
            ]
            yield Step(ActNorm(channels), Coupling(bodies, width=width, affine=affine))

    def permutation_groups(self, *, shape: tuple[int, int, int]) -> Groups:
        """The hidden units of every body; the channels between them are fixed by what is split and read."""
        places = itertools.product(range(self.levels), range(self.steps), range(self.sides))
        names = (f"levels.{level}.{step}.coupling.bodies.{side}" for level, step, side in places)
        return {group: found for name in names for group, found in body_groups(self.body, name, self.hidden).items()}
