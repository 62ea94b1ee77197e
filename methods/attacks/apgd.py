"""Auto-PGD: projected gradient descent with momentum that finds its step size by itself, for every sample alone."""

import dataclasses
import functools
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks.apgd_path import Path, checkpoints_of
from methods.attacks.attack import Classifier, Images, Logits, gradient, per_sample
from methods.attacks.balls import BALLS, TINY
from methods.attacks.goals import Goal, Targeted, Untargeted, of_class
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

MOMENTUM = 0.75
"""α: the share of the new step in a move."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Apgd:
    """Croce and Hein, arXiv 2003.01690, Algorithm 1, on the cross-entropy or on the targeted DLR loss (equation 7).

    epsilon: radius, in units of the norm. steps: gradients of one attempt. attempts: with the loss `ce`, random starts;
    with `t`, how many of the best other classes of the clean image are tried in turn (at most all of them), or random
    starts towards the one target. Only unbroken samples are tried again.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["apgd"] = "apgd"
    norm: Literal["linf", "l2"] = "linf"
    loss: Literal["ce", "t"] = "ce"
    epsilon: Annotated[float, Gt(0)] = 0.1
    steps: Annotated[int, Ge(2)] = 100
    attempts: Annotated[int, Ge(1)] = 1

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.loss}_{self.norm}"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        with torch.no_grad():
            logits = model(x)
        pending, source = Pending.all(model, x, goal, seeds), logits.argmax(1)
        pending.settle(goal.reached(logits), x)
        attempts = min(self.attempts, logits.shape[1] - 1) if self.loss == "t" else self.attempts
        for attempt in range(attempts):
            if not len(pending):
                break
            target = goal.targets(logits)
            self._attempt(pending, attempt, source[pending.rows], target[pending.rows])
            if self.loss == "t":
                logits = logits.scatter(1, target[:, None], float("-inf"))  # the next best comes next
            on_step(self.name, attempt + 1, attempts)
        return pending.found

    def _attempt(self, pending: Pending, attempt: int, source: Int[Tensor, " m"], target: Int[Tensor, " m"]) -> None:
        ball, checkpoints = BALLS[self.norm], checkpoints_of(self.steps)
        z = ball.random(pending.seeds, attempt, pending.x, self.epsilon)
        path = Path.begin(z, 2 * self.epsilon)
        for step in range(self.steps):
            objective = functools.partial(dlr, source=source, target=target) if self.loss == "t" else pending.goal.loss
            logits, values, slope = gradient(pending.model, path.z, objective)
            keep = pending.settle(pending.goal.reached(logits), path.z)
            if keep is not None:
                path, source, target = path.part(keep), source[keep], target[keep]
                values, slope = values[keep], slope[keep]
            if not len(pending):
                return
            path.look(values, slope)
            if step in checkpoints:
                path.check(checkpoints[step])
            plain = path.z + per_sample(path.size) * ball.steepest(path.slope, path.z)
            plain = ball.project(plain, pending.x, self.epsilon)
            moved = path.z + MOMENTUM * (plain - path.z) + (1 - MOMENTUM) * (path.z - path.before)
            after = ball.project(moved, pending.x, self.epsilon) if step else plain
            path.before, path.z = path.z, after
        with torch.no_grad():
            pending.settle(pending.goal.reached(pending.model(path.z)), path.z)


def dlr(logits: Logits, source: Int[Tensor, " n"], target: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """How far the target is behind the source, in units that neither a shift nor a scale of the logits changes.

    The unit is the distance from the largest to the mean of third and fourth; fewer than four classes leave only the
    logits' own.
    """
    behind = of_class(logits, source) - of_class(logits, target)
    if logits.shape[1] < 4:
        return behind
    ranked = logits.sort(1, descending=True).values
    return behind / (ranked[:, 0] - ranked[:, 2:4].mean(1)).clamp_min(TINY)
