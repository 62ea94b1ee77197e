"""Decoupled direction and norm: the smallest L2 perturbation without a search over constants."""

import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Lt
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, Logits, gradient, per_sample
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.attacks.shortening import shorten
from methods.progress import OnStep, silent

TINY, NEAREST = 1e-12, 1e-6
SHORTENING = 10
"""Forward passes, and no gradients, to leave out what the best iterate of a descent overshoots by."""
FINAL_STEP, FINAL_GAMMA = 0.01, 0.01


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ddn:
    """Rony et al., arXiv 1811.09600, algorithm 1: a step along the gradient, then back to the sphere of radius ε around
    the image, and ε by 1 ± γ smaller where that succeeded, larger where not.

    Added to it: the first ε is where the margin would be gone if it were linear (Pintor et al., arXiv 2102.12827,
    equation 6); steps are a share of ε, and γ falls like the step, as a cosine; the margin is lowered in the second
    half, whose gradient, other than the cross-entropy's, is square to the border; the best iterate is shortened by
    bisection. Untargeted, the gradients are divided among several descents, as a single one ends in whatever class is
    first at hand: each further one starts from the image and the ε reached so far, for the second likeliest of the
    other classes, then the third, and so on.

    steps: gradients in all, the same for every sample. descents: at most so many. step_size: the first, as a share
    of ε. gamma: the first γ.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["ddn"] = "ddn"
    steps: Annotated[int, Ge(1)] = 100
    descents: Annotated[int, Ge(1)] = 4
    step_size: Annotated[float, Gt(0)] = 0.5
    gamma: Annotated[float, Gt(0), Lt(1)] = 0.2

    @property
    def name(self) -> str:
        return f"{self.kind}_l2"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        logits = model(x).detach()
        keep = pending.settle(goal.reached(logits), x)
        logits = logits if keep is None else logits[keep]
        model, x, goal = pending.model, pending.x, pending.goal
        found, best = x, torch.full_like(x[:, 0, 0, 0], math.inf)
        aims = self._aims(goal, logits)
        for number, aim in enumerate(aims):
            steps = self.steps // len(aims) + (number < self.steps % len(aims))
            found, best = self._descend(model, x, goal, aim, steps, found, best)
            found = shorten(model, x, found, goal, best.isfinite(), confidence=0.0, rounds=SHORTENING)
            best = torch.where(best.isfinite(), _length(found - x), math.inf)
            on_step(self.name, number + 1, len(aims))
        pending.settle(best.isfinite(), found)
        return pending.found

    def _aims(self, goal: Goal, logits: Logits) -> list[Goal]:
        """What each descent goes for."""
        if not isinstance(goal, Untargeted):
            return [goal]
        likely = logits.scatter(1, goal.labels[:, None], -math.inf).argsort(1, descending=True)
        others = range(1, min(self.descents, self.steps, logits.shape[1] - 1))
        return [goal, *(Targeted(goal.labels, likely[:, k]) for k in others)]

    def _descend(
        self,
        model: Classifier,
        x: Images,
        goal: Goal,
        aim: Goal,
        steps: int,
        found: Images,
        best: Float[Tensor, " n"],
    ) -> tuple[Images, Float[Tensor, " n"]]:
        """Goes for `aim`, and takes note of what reaches `goal`: the nearest so far and its distance."""
        farthest, epsilon, z = math.sqrt(math.prod(x.shape[1:])), best, x
        for step in range(steps):
            cosine = (1 + math.cos(math.pi * step / steps)) / 2
            share = FINAL_STEP + (self.step_size - FINAL_STEP) * cosine
            gamma = FINAL_GAMMA + (self.gamma - FINAL_GAMMA) * cosine
            logits, value, slope = gradient(model, z, aim.loss if 0 < step < steps / 2 else aim.margin)
            steepness = _length(slope).clamp_min(TINY)
            if step == 0:
                epsilon = torch.where(best.isinf(), value / steepness, best)
            else:
                reached = goal.reached(logits)
                found, best = _nearer(x, z, reached, found, best)
                epsilon = torch.where(reached, 1 - gamma, 1 + gamma) * epsilon
            epsilon = epsilon.clamp(NEAREST, farthest)
            ahead = z - x - per_sample(share * epsilon / steepness) * slope
            z = (x + per_sample(epsilon / _length(ahead).clamp_min(TINY)) * ahead).clamp(0, 1)
        with torch.no_grad():
            return _nearer(x, z, goal.reached(model(z)), found, best)


def _nearer(
    x: Images, z: Images, reached: Tensor, found: Images, best: Float[Tensor, " n"]
) -> tuple[Images, Float[Tensor, " n"]]:
    distance = _length(z - x)
    better = reached & (distance < best)
    return torch.where(per_sample(better), z, found), torch.where(better, distance, best)


def _length(delta: Images) -> Float[Tensor, " n"]:
    return delta.flatten(1).norm(dim=1)
