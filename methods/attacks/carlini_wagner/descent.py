"""Adam on the variables of a box, every sample with its own moments and step count."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.attacks.attack import Images, per_sample
from methods.attacks.carlini_wagner.boxes import Box

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8
"""Kingma and Ba, arXiv 1412.6980, algorithm 1, in the form of the end of its section 2."""
WINDOWS = 10
"""A descent is looked at this often, as in Carlini and Wagner's code."""
STALLED = 0.01


@dataclasses.dataclass(slots=True)
class Descent:
    """offset: what rounding makes of an image on its way through the variables; with it, a pixel whose variable has not
    moved is bit-equal to the clean one.
    """

    box: Box
    x: Images
    v: Tensor
    offset: Tensor
    first: Tensor
    second: Tensor
    count: Int[Tensor, " m"]
    rate: Float[Tensor, " m"]

    @classmethod
    def at(cls, x: Images, box: Box, learning_rate: float) -> "Descent":
        v, zeros, none = box.start(x), torch.zeros_like(x), x.new_zeros(len(x))
        return cls(box, x, v, x - box.image(v), zeros, zeros.clone(), none.long(), none + learning_rate)

    def image(self) -> Images:
        return self.box.image(self.v).add_(self.offset).clamp_(0, 1)

    def displacement(self, z: Images) -> Images:
        return self.box.displacement(self.v, z, self.x)

    def move(self, z: Images, slope: Images, pull: Images) -> None:
        """One step against the gradients, at the current image z, of the objective and of the distance."""
        g = self.box.chain(self.v, z, slope, pull)
        self.count += 1
        self.first.lerp_(g, 1 - FIRST_DECAY)
        self.second.mul_(SECOND_DECAY).addcmul_(g, g, value=1 - SECOND_DECAY)
        count = self.count.to(g.dtype)
        rate = self.rate * (1 - SECOND_DECAY**count).sqrt() / (1 - FIRST_DECAY**count)
        self.v.addcmul_(self.first / self.second.sqrt().add_(EPSILON), per_sample(rate), value=-1)
        self.box.confine_(self.v)

    def slow(self, limit: Float[Tensor, " m"]) -> None:
        """From now on each sample's learning rate is at most this."""
        self.rate = torch.minimum(self.rate, limit)

    def restart(self, which: Bool[Tensor, " m"], images: Images) -> None:
        """These samples begin anew, each at its image."""
        chosen = per_sample(which)
        self.v = torch.where(chosen, self.box.start(images), self.v)
        self.first.masked_fill_(chosen, 0)
        self.second.masked_fill_(chosen, 0)
        self.count.masked_fill_(which, 0)

    def keep(self, rows: Int[Tensor, " k"]) -> None:
        self.x, self.v, self.offset = self.x[rows], self.v[rows], self.offset[rows]
        self.first, self.second, self.count = self.first[rows], self.second[rows], self.count[rows]
        self.rate = self.rate[rows]


@dataclasses.dataclass(slots=True)
class Progress:
    """Each sample's lowest loss since it began: before the window that is running, and in it."""

    lowest: Float[Tensor, " m"]
    now: Float[Tensor, " m"]

    @classmethod
    def at(cls, x: Images) -> "Progress":
        return cls(x.new_full((len(x),), float("inf")), x.new_full((len(x),), float("inf")))

    def note(self, loss: Float[Tensor, " m"]) -> None:
        self.now = torch.minimum(self.now, loss)

    def stalled(self) -> Bool[Tensor, " m"]:
        """Whose loss has fallen by less than the share `STALLED` in the window that ends here."""
        stalled = self.lowest - self.now < STALLED * self.lowest.abs()
        self.lowest, self.now = torch.minimum(self.lowest, self.now), torch.full_like(self.now, float("inf"))
        return stalled

    def restart(self, which: Bool[Tensor, " m"]) -> None:
        self.lowest = self.lowest.masked_fill(which, float("inf"))

    def keep(self, rows: Int[Tensor, " k"]) -> None:
        self.lowest, self.now = self.lowest[rows], self.now[rows]


@dataclasses.dataclass(slots=True)
class Nearest:
    """Of the images that reached the goal, each sample's nearest; its clean one until there is any."""

    distance: Float[Tensor, " m"]
    images: Images

    @classmethod
    def at(cls, x: Images) -> "Nearest":
        return cls(x.new_full((len(x),), float("inf")), x)

    def offer(self, z: Images, distance: Float[Tensor, " m"], reached: Bool[Tensor, " m"]) -> None:
        nearer = reached & (distance < self.distance)
        self.distance = torch.where(nearer, distance, self.distance)
        self.images = torch.where(per_sample(nearer), z, self.images)

    def keep(self, rows: Int[Tensor, " k"]) -> None:
        self.distance, self.images = self.distance[rows], self.images[rows]
