"""Carlini and Wagner's L2 attack."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, gradient
from methods.attacks.carlini_wagner import boxes, objectives
from methods.attacks.carlini_wagner.descent import WINDOWS, Descent, Nearest, Progress
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

FACTOR, CLOSE = 10.0, 1.6
"""c moves by FACTOR until it is bracketed, then to the geometric mean; bounds this CLOSE together are close enough."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CarliniWagnerL2:
    """arXiv 1608.04644, section VI.A: minimise ‖δ‖₂² + c·f(x + δ) by Adam, for each sample with a c of its own.

    search_steps: how many c are tried at most; steps: gradients for each at most; both end earlier, by sample.
    learning_rate: in units of the variables, which are pixels unless the box is a change of variables; once an image is
    found, at most the root mean square of its δ, so that no step is longer than the way. confidence: κ,
    by how much the goal's logit must lead. initial_c: the first c. objective: f1 to f7; the goal itself decides which
    images count, and of these the nearest is returned.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["cw_l2"] = "cw_l2"
    search_steps: Annotated[int, Ge(1)] = 9
    steps: Annotated[int, Ge(1)] = 100
    learning_rate: Annotated[float, Gt(0)] = 0.1
    confidence: Annotated[float, Ge(0)] = 0.0
    initial_c: Annotated[float, Gt(0)] = 1.0
    objective: objectives.Name = "f6"
    box: boxes.Name = "change_of_variables"

    def __post_init__(self) -> None:
        objectives.check_confidence(self.objective, self.confidence)

    @property
    def name(self) -> str:
        return self.kind

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        # nothing is nearer than an image that is there already, and no c would ever fail on it
        pending.settle(goal.reached(model(x).detach(), self.confidence), x)
        descent = Descent.at(pending.x, boxes.BOXES[self.box], self.learning_rate)
        search, progress = Search.at(pending.x, self.initial_c), Progress.at(pending.x)
        nearest = Nearest.at(pending.x)
        window = -(-self.steps // WINDOWS)
        taken, most = 0, self.search_steps * self.steps
        while len(pending):
            for _ in range(window):
                z = descent.image()
                f = objectives.weighted(self.objective, search.c, pending.goal, self.confidence)
                logits, weighted, slope = gradient(pending.model, z, f)
                delta = descent.displacement(z)
                reached = pending.goal.reached(logits, self.confidence)
                nearest.offer(z, square_sum(z - pending.x), reached)
                search.succeeded |= reached
                progress.note(weighted + square_sum(delta))
                descent.move(z, slope, 2 * delta)
            taken += window
            # what has not succeeded yet may be on its way: where logits are large, the loss falls slowly for long
            ended = progress.stalled() & search.succeeded | (descent.count + window > self.steps)
            search.end(ended)
            progress.restart(ended)
            descent.slow((nearest.distance / max(1, pending.x[0].numel())).sqrt())
            descent.restart(ended, pending.x)
            keep = pending.settle(ended & search.over(self.search_steps), nearest.images)
            if keep is not None:
                for part in (descent, search, progress, nearest):
                    part.keep(keep)
            on_step(self.name, min(taken, most), most)
        return pending.found


@dataclasses.dataclass(slots=True)
class Search:
    """Each sample's c; low: the largest that failed, high: the smallest that succeeded, searches: how many were tried.

    succeeded: whether the present one has.
    """

    c: Float[Tensor, " m"]
    low: Float[Tensor, " m"]
    high: Float[Tensor, " m"]
    succeeded: Bool[Tensor, " m"]
    searches: Int[Tensor, " m"]

    @classmethod
    def at(cls, x: Images, c: float) -> "Search":
        none = x.new_zeros(len(x))
        return cls(none + c, none, none + float("inf"), none > 0, none.long())

    def end(self, ended: Bool[Tensor, " m"]) -> None:
        """These have seen enough of their c and go on with another."""
        self.low = torch.where(ended & ~self.succeeded, torch.maximum(self.low, self.c), self.low)
        self.high = torch.where(ended & self.succeeded, torch.minimum(self.high, self.c), self.high)
        between = torch.where(self.low > 0, (self.low * self.high).sqrt(), self.c / FACTOR)
        following = torch.where(self.high.isinf(), self.c * FACTOR, between)
        self.c = torch.where(ended, following, self.c)
        self.succeeded, self.searches = self.succeeded & ~ended, self.searches + ended

    def over(self, search_steps: int) -> Bool[Tensor, " m"]:
        return (self.searches >= search_steps) | (self.high <= CLOSE * self.low)

    def keep(self, rows: Int[Tensor, " k"]) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name)[rows])


def square_sum(delta: Images) -> Float[Tensor, " m"]:
    return delta.square().flatten(1).sum(1)
