"""The elastic-net attack: sparse and small at once, by proximal gradient descent."""

import dataclasses
import functools
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, Logits, gradient, narrow
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.attacks.shortening import shorten
from methods.progress import OnStep, silent

CHECKS, PROGRESS = 10, 1e-4
"""How often a descent asks whether its objective still falls, and by which share of it."""
SHORTENING = 10
"""Forward passes, and no gradients, to leave out what the best iterate overshoots by."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ElasticNet:
    """EAD: Chen et al., arXiv 1709.04114, equation 7 and algorithm 1: min c·f(x) + β‖x − x₀‖₁ + ‖x − x₀‖₂² in the box.

    The shrinkage here is by αβ, the proximal step of step size α, so that its fixed points minimise the objective; the
    paper shrinks by β at any α, which is a weight of β/α. The best iterate is shortened by bisection at the end.
    rule: the distance by which the best successful iterate is chosen, "en" (the elastic net) or "l1".
    momentum: FISTA, else ISTA. Success is looked at after the shrinkage, with one more forward pass a step.
    beta: β, in pixel units. confidence: κ, in logits. constant: the first c, in squared pixel units per logit;
    searches: how many values of c a sample tries, ten times more or less until one succeeds and one fails, and then by
    bisection. step_size: α at the first of `steps`, from where it falls to 0 as a square root.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["ead"] = "ead"
    rule: Literal["en", "l1"] = "en"
    beta: Annotated[float, Ge(0)] = 1e-2
    confidence: Annotated[float, Ge(0)] = 0.0
    searches: Annotated[int, Ge(1)] = 7
    steps: Annotated[int, Ge(1)] = 100
    step_size: Annotated[float, Gt(0)] = 0.02
    constant: Annotated[float, Gt(0)] = 0.1
    momentum: bool = True

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.rule}"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        pending.settle(goal.reached(model(x), self.confidence), x)
        model, x, goal = pending.model, pending.x, pending.goal
        best = torch.full_like(x[:, 0, 0, 0], math.inf)
        found, low, high, c = x.clone(), torch.zeros_like(best), best, torch.full_like(best, self.constant)
        for search in range(self.searches):
            images, scores = self._descend(model, x, goal, c)
            better, hit = scores < best, scores.isfinite()
            found[better], best = images[better], torch.minimum(scores, best)
            low, high = torch.where(hit, low, c), torch.where(hit, c, high)
            c = torch.where(high.isinf(), 10 * low, torch.where(low == 0, high / 10, (low + high) / 2))
            on_step(self.name, search + 1, self.searches)
        hit = best.isfinite()
        found = shorten(model, x, found, goal, hit, confidence=self.confidence, rounds=SHORTENING)
        pending.settle(hit, found)
        return pending.found

    def _descend(
        self, model: Classifier, x: Images, goal: Goal, c: Float[Tensor, " n"]
    ) -> tuple[Images, Float[Tensor, " n"]]:
        """The best successful iterate of each sample, and its score: infinite where there is none."""
        found, best = x.clone(), torch.full_like(c, math.inf)
        rows = torch.arange(len(x), device=x.device)
        y, z, last = x, x, best.clone()
        for step in range(self.steps):
            if not len(rows):
                break
            alpha = self.step_size * math.sqrt(1 - step / self.steps)
            _, lacking, slope = gradient(model, y, functools.partial(self._lacking, goal, c))
            ahead = y - alpha * (slope + 2 * (y - x))
            old, z = z, self._shrink(ahead, x, alpha)
            with torch.no_grad():
                reached = goal.reached(model(z), self.confidence)
            score = torch.where(reached, self._distance(z - x, self.rule), math.inf)
            better = score < best[rows]
            found[rows[better]], best[rows[better]] = z[better], score[better]
            if (step + 1) % max(1, self.steps // CHECKS) == 0:
                objective = lacking + self._distance(y - x, "en")
                going = objective < (1 - PROGRESS) * last
                last = objective
                if not going.all():
                    keep = going.nonzero()[:, 0]
                    model, goal = narrow(model, keep), goal[keep]
                    rows, c, x, z, old, last = (kept[keep] for kept in (rows, c, x, z, old, last))
            y = z + step / (step + 3) * (z - old) if self.momentum else z
        return found, best

    def _lacking(self, goal: Goal, c: Float[Tensor, " n"], logits: Logits) -> Float[Tensor, " n"]:
        return c * (goal.margin(logits) + self.confidence).clamp_min(0)

    def _shrink(self, z: Images, x: Images, alpha: float) -> Images:
        """The proximal step of αβ‖· − x‖₁ and the box; a value within αβ of x is x itself."""
        shift = alpha * self.beta
        return torch.where(z > x + shift, z - shift, torch.where(z < x - shift, z + shift, x)).clamp(0, 1)

    def _distance(self, delta: Images, rule: str) -> Float[Tensor, " n"]:
        flat = delta.flatten(1)
        l1 = flat.abs().sum(1)
        return l1 if rule == "l1" else self.beta * l1 + flat.square().sum(1)
