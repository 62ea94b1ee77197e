"""Projected gradient descent: the attack that every defence is measured with."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt
from jaxtyping import Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, gradient
from methods.attacks.balls import BALLS, Norm
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pgd:
    """Madry et al., arXiv 1706.06083, section 2.1: steepest steps on the cross-entropy, projected onto the ball.

    epsilon: radius, in units of the norm. step_size: of one step, as a share of ε. random_start: each restart begins at
    a random point of the ball, else at the image itself. temperature: what the logits are divided by in the
    cross-entropy; a high one brings back the gradients of a classifier that is too sure of itself (Carlini and Wagner,
    arXiv 1607.04311, section 4). A sample is left alone from its first success on.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["pgd"] = "pgd"
    norm: Norm = "linf"
    epsilon: Annotated[float, Gt(0)] = 0.1
    steps: Annotated[int, Ge(1)] = 40
    step_size: Annotated[float, Gt(0)] = 0.1
    restarts: Annotated[int, Ge(1)] = 1
    random_start: bool = True
    temperature: Annotated[float, Gt(0)] = 1.0

    @property
    def name(self) -> str:
        hot = "" if self.temperature == 1 else f"_t{self.temperature:g}"
        return f"{self.kind}_{self.norm}{hot}"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        ball, pending = BALLS[self.norm], Pending.all(model, x, goal, seeds)
        for restart in range(self.restarts):
            z = ball.random(pending.seeds, restart, pending.x, self.epsilon) if self.random_start else pending.x
            for step in range(self.steps):
                if not len(pending):
                    return pending.found
                logits, _, slope = gradient(pending.model, z, lambda out: pending.goal.loss(out / self.temperature))
                keep = pending.settle(pending.goal.reached(logits), z)
                if keep is not None:
                    z, slope = z[keep], slope[keep]
                z = ball.project(z + self.epsilon * self.step_size * ball.steepest(slope, z), pending.x, self.epsilon)
                on_step(self.name, restart * self.steps + step + 1, self.restarts * self.steps)
            if len(pending):
                pending.settle(pending.goal.reached(pending.model(z)), z)
        return pending.found
