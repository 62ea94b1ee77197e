"""Norm balls around an image, cut by the box [0, 1]: nearest points, steepest directions, random points."""

import math
from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks import draws
from methods.attacks.attack import Images, per_sample

Norm = Literal["linf", "l2", "l1"]
TINY = 1e-12


class Ball(Protocol):
    def project(self, z: Images, x: Images, epsilon: float) -> Images:
        """An image of the ball around x, within the box, near z; z itself if it is one."""
        ...

    def steepest(self, slope: Images, z: Images) -> Images:
        """The step of norm 1 at z along which a function with this gradient falls most; no pixel is pushed out of the
        box where the norm lets others take its place."""
        ...

    def random(self, seeds: Int[Tensor, " n"], stream: int, x: Images, epsilon: float) -> Images:
        """Uniform in the ball around x, then brought into the box."""
        ...


class Linf:
    def project(self, z: Images, x: Images, epsilon: float) -> Images:
        return z.clamp(x - epsilon, x + epsilon).clamp(0, 1)

    def steepest(self, slope: Images, z: Images) -> Images:
        return -slope.sign()

    def random(self, seeds: Int[Tensor, " n"], stream: int, x: Images, epsilon: float) -> Images:
        within = draws.uniform(seeds, stream, shape=tuple(x.shape[1:]), dtype=x.dtype)
        return self.project(x + epsilon * (2 * within - 1), x, epsilon)


class L2:
    """Scaled back to the sphere, then clipped to the box, which only shortens: inside of both, if not the nearest."""

    def project(self, z: Images, x: Images, epsilon: float) -> Images:
        delta = z - x
        length = per_sample(delta.flatten(1).norm(dim=1))
        return torch.where(length > epsilon, x + delta * (epsilon / length.clamp_min(TINY)), z).clamp(0, 1)

    def steepest(self, slope: Images, z: Images) -> Images:
        # the square of what a saturated softmax leaves of a gradient would be zero
        slope = slope / per_sample(slope.flatten(1).abs().amax(1)).clamp_min(torch.finfo(slope.dtype).tiny)
        return -slope / per_sample(slope.flatten(1).norm(dim=1)).clamp_min(TINY)

    def random(self, seeds: Int[Tensor, " n"], stream: int, x: Images, epsilon: float) -> Images:
        direction = draws.normal(seeds, stream, 0, shape=tuple(x.shape[1:]), dtype=x.dtype)
        radius = draws.uniform(seeds, stream, 1, shape=(), dtype=x.dtype) ** (1 / math.prod(x.shape[1:]))
        delta = -self.steepest(direction, x) * per_sample(epsilon * radius)
        return self.project(x + delta, x, epsilon)


class L1:
    """The nearest point of ball and box together (Croce and Hein, arXiv 2103.01208, section 2), not the nearest of one,
    clipped to the other: clipping after the projection gives away most of the budget of a picture with many 0s and 1s.

    Steps go along the largest gradients that the box leaves room for, a `SHARE` of all pixels at once (Tramèr and
    Boneh, arXiv 1904.13000, section 3.1: between the single steepest coordinate and all of them).
    """

    SHARE = 0.01

    def project(self, z: Images, x: Images, epsilon: float) -> Images:
        delta, origin = (z.clamp(-1e6, 1e6) - x).flatten(1), x.flatten(1)
        size = delta.abs()
        room = torch.where(delta > 0, 1 - origin, origin)
        shrink = _threshold(size, room, epsilon)
        nearest = delta.sign() * torch.minimum((size - shrink[:, None]).clamp_min(0), room)
        return (origin + nearest).clamp(0, 1).view_as(x)

    def steepest(self, slope: Images, z: Images) -> Images:
        flat, at = slope.flatten(1), z.flatten(1)
        movable = torch.where(flat > 0, at > 0, at < 1)
        largest = (flat.abs() * movable).topk(math.ceil(self.SHARE * flat.shape[1]), dim=1)
        step = torch.zeros_like(flat).scatter_(1, largest.indices, (largest.values > 0).to(flat.dtype))
        return (-flat.sign() * step / step.sum(1, keepdim=True).clamp_min(1)).view_as(slope)

    def random(self, seeds: Int[Tensor, " n"], stream: int, x: Images, epsilon: float) -> Images:
        shape = (math.prod(x.shape[1:]),)
        sizes = -torch.log1p(-draws.uniform(seeds, stream, 0, shape=shape, dtype=torch.float64))
        signs = 2 * (draws.uniform(seeds, stream, 1, shape=shape) < 0.5) - 1
        radius = draws.uniform(seeds, stream, 2, shape=(1,), dtype=torch.float64) ** (1 / shape[0])
        delta = epsilon * radius * signs * sizes / sizes.sum(1, keepdim=True)
        return self.project(x + delta.to(x.dtype).view_as(x), x, epsilon)


def _threshold(size: Float[Tensor, "n d"], room: Float[Tensor, "n d"], epsilon: float) -> Float[Tensor, " n"]:
    """λ ≥ 0 such that Σ min((size − λ)⁺, room) = ε; 0 where the sum is not above ε to begin with.

    The sum is piecewise linear in λ. Going down from the largest λ, entry i begins to grow at size_i and is full at
    size_i − room_i; between two such corners the sum grows by the number of entries that are growing.
    """
    full = (size - room).clamp_min(0)
    corners, order = torch.cat([size, full], 1).sort(1, descending=True)
    change = torch.cat([torch.ones_like(size), -torch.ones_like(full)], 1).gather(1, order)
    growing = change.cumsum(1)
    fallen = corners[:, :-1] - corners[:, 1:]
    sums = torch.cat([torch.zeros_like(size[:, :1]), (growing[:, :-1] * fallen).cumsum(1)], 1)
    # the last corner whose sum is still within the ball; from there the rest of ε decides
    last = (sums <= epsilon).sum(1, keepdim=True) - 1
    rest = (epsilon - sums.gather(1, last)) / growing.gather(1, last).clamp_min(1)
    return (corners.gather(1, last) - rest)[:, 0].clamp_min(0)


BALLS: Mapping[str, Ball] = {"linf": Linf(), "l2": L2(), "l1": L1()}
