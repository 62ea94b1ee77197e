"""Carlini and Wagner's L∞ attack."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, gradient, per_sample
from methods.attacks.carlini_wagner import boxes, objectives
from methods.attacks.carlini_wagner.descent import WINDOWS, Descent, Nearest, Progress
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

SHRINK = 0.9
"""τ is this share of the largest |δ| of the nearest image so far."""
NEARER = 0.99
"""An image must be nearer than the last by this factor to give a new τ."""
PACE, SLOWER = 0.2, 0.5
"""The learning rate is at most this share of τ, and half of it again for every c that has failed: small steps from the
beginning end 12 % further away on digits, large ones to the end 10 % further on a linear classifier."""
FACTOR = 2.0
"""A c that fails is multiplied by this."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CarliniWagnerLinf:
    """arXiv 1608.04644, section VI.C: minimise c·f(x + δ) + Σ(|δ| − τ)⁺ and let τ shrink until that finds nothing more.

    For every τ an attack tries values of c from the last that succeeded on (initial_c at first), c_steps of them in
    all, each for at most `steps` gradients, and goes on from its nearest image. learning_rate, confidence, objective,
    box: as for L2. Every pixel must move at the same pace here, and the change of variables slows those near 0 and 1.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["cw_linf"] = "cw_linf"
    steps: Annotated[int, Ge(1)] = 100
    learning_rate: Annotated[float, Gt(0)] = 0.1
    confidence: Annotated[float, Ge(0)] = 0.0
    initial_c: Annotated[float, Gt(0)] = 0.1
    c_steps: Annotated[int, Ge(1)] = 4
    objective: objectives.Name = "f6"
    box: boxes.Name = "projected"

    def __post_init__(self) -> None:
        objectives.check_confidence(self.objective, self.confidence)

    @property
    def name(self) -> str:
        return self.kind

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        descent = Descent.at(x, boxes.BOXES[self.box], self.learning_rate)
        progress, nearest = Progress.at(x), Nearest.at(x)
        c, tau = x.new_full((len(x),), self.initial_c), x.new_ones(len(x))
        tried = torch.zeros_like(c, dtype=torch.int64)
        window = -(-self.steps // WINDOWS)
        while len(pending):
            for _ in range(window):
                z = descent.image()
                f = objectives.weighted(self.objective, c, pending.goal, self.confidence)
                logits, weighted, slope = gradient(pending.model, z, f)
                reached = pending.goal.reached(logits, self.confidence)
                nearest.offer(z, (z - pending.x).abs().flatten(1).amax(1), reached)
                delta = descent.displacement(z)
                excess = (delta.abs() - per_sample(tau)).clamp_min_(0)
                progress.note(weighted + excess.flatten(1).sum(1))
                descent.move(z, slope, delta.sign() * (excess > 0))
            nearer = nearest.distance * SHRINK < tau * NEARER
            stalled = progress.stalled() & nearest.distance.isfinite()
            hopeless = ~nearer & (stalled | (descent.count + window > self.steps))
            tried = torch.where(nearer, 0, tried + hopeless)
            tau = torch.where(nearer, nearest.distance * SHRINK, tau)
            c = torch.where(hopeless, c * FACTOR, c)
            descent.slow(PACE * SLOWER**tried * tau)
            progress.restart(nearer | hopeless)
            descent.restart(nearer | hopeless, nearest.images)
            keep = pending.settle((tried >= self.c_steps) | (tau == 0), nearest.images)
            if keep is not None:
                for part in (descent, progress, nearest):
                    part.keep(keep)
                c, tau, tried = c[keep], tau[keep], tried[keep]
            on_step(self.name, len(x) - len(pending), len(x))
        return pending.found
