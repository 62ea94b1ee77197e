"""Three ways to keep an image in [0, 1] while its pixels move freely: Carlini and Wagner, arXiv 1608.04644, V.B.

Each says what the optimiser's variables are, which image they stand for, and the gradient with respect to them.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from methods.attacks.attack import Images

Name = Literal["change_of_variables", "projected", "clipped"]


@runtime_checkable
class Box(Protocol):
    def start(self, x: Images) -> Tensor:
        """The variables that stand for x."""
        ...

    def image(self, v: Tensor) -> Images: ...

    def displacement(self, v: Tensor, z: Images, x: Images) -> Images:
        """What the distance is measured of, z being the image of v."""
        ...

    def chain(self, v: Tensor, z: Images, slope: Images, pull: Images) -> Tensor:
        """The gradient with respect to v from that of the objective (at z) and that of the distance."""
        ...

    def confine_(self, v: Tensor) -> None:
        """Where the variables may not go, they are brought back from; in place."""
        ...


class ChangeOfVariables:
    """x = ½(tanh v / s + 1) with s a hair below 1, and v kept where that lies in [0, 1].

    The paper's s = 1 puts pixels of exactly 0 and 1 at infinity, where no gradient moves them.
    """

    SHRINK = 0.999
    LIMIT = float(torch.atanh(torch.tensor(SHRINK, dtype=torch.float64)))

    def start(self, x: Images) -> Tensor:
        return torch.atanh(self.SHRINK * (2 * x - 1))

    def image(self, v: Tensor) -> Images:
        return v.tanh().mul_(0.5 / self.SHRINK).add_(0.5)

    def displacement(self, v: Tensor, z: Images, x: Images) -> Images:
        return z - x

    def chain(self, v: Tensor, z: Images, slope: Images, pull: Images) -> Tensor:
        tanh = (z - 0.5).mul_(2 * self.SHRINK)
        return (slope + pull).mul_((1 - tanh.square_()).mul_(0.5 / self.SHRINK))

    def confine_(self, v: Tensor) -> None:
        v.clamp_(-self.LIMIT, self.LIMIT)


class Projected:
    """The pixels themselves, clipped after every step; the optimiser's momentum does not hear of it."""

    def start(self, x: Images) -> Tensor:
        return x.clone()

    def image(self, v: Tensor) -> Images:
        return v.clone()

    def displacement(self, v: Tensor, z: Images, x: Images) -> Images:
        return z - x

    def chain(self, v: Tensor, z: Images, slope: Images, pull: Images) -> Tensor:
        return slope + pull

    def confine_(self, v: Tensor) -> None:
        v.clamp_(0, 1)


class Clipped:
    """Free pixels, clipped in front of the classifier: beyond the box only the distance still has a gradient."""

    def start(self, x: Images) -> Tensor:
        return x.clone()

    def image(self, v: Tensor) -> Images:
        return v.clamp(0, 1)

    def displacement(self, v: Tensor, z: Images, x: Images) -> Images:
        return v - x

    def chain(self, v: Tensor, z: Images, slope: Images, pull: Images) -> Tensor:
        return torch.where(v == z, slope, 0).add_(pull)

    def confine_(self, v: Tensor) -> None:
        pass


BOXES: Mapping[str, Box] = {"change_of_variables": ChangeOfVariables(), "projected": Projected(), "clipped": Clipped()}
