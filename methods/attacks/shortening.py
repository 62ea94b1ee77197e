"""The last step of a smallest perturbation: how much of it can be left out."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.attacks.attack import Classifier, Images, narrow, per_sample
from methods.attacks.goals import Goal


@torch.no_grad()
def shorten(
    model: Classifier, x: Images, found: Images, goal: Goal, hit: Bool[Tensor, " n"], *, confidence: float, rounds: int
) -> Images:
    """Of every sample hit, the nearest image to x on the straight line to `found` that is seen to reach the goal.

    By bisection, so `rounds` forward passes narrow a line down to 2^−rounds of its length; where the goal is reached
    in several pieces of the line, one of them is taken. Values equal in x and `found` stay so bit for bit.
    """
    rows = hit.nonzero()[:, 0]
    if not len(rows):
        return found
    model, goal, origin, delta = narrow(model, rows), goal[rows], x[rows], (found - x)[rows]
    low: Float[Tensor, " m"] = torch.zeros_like(delta[:, 0, 0, 0])
    high, nearest = torch.ones_like(low), found[rows]
    for _ in range(rounds):
        share = (low + high) / 2
        z = torch.where(delta != 0, origin + per_sample(share) * delta, origin).clamp(0, 1)
        reached = goal.reached(model(z), confidence)
        low, high = torch.where(reached, low, share), torch.where(reached, share, high)
        nearest = torch.where(per_sample(reached), z, nearest)
    shortened = found.clone()
    shortened[rows] = nearest
    return shortened
