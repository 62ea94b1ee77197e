"""Three attacks in a row, each on what the one before has left: a robust accuracy without anything to tune."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Int
from torch import Tensor

from methods.attacks.apgd import Apgd
from methods.attacks.attack import Attack, Classifier, Images
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.attacks.square import Square
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AutoAttack:
    """After Croce and Hein, arXiv 2003.01690, section 6: APGD on the cross-entropy, APGD on the targeted DLR, Square.

    Not the original: its third attack, FAB-T, is missing here, and in L2 Square as well, so that its robust accuracy
    may lie a little below this one; random starts and order of draws are ours; and a target may be asked for, which the
    original does not know.

    epsilon: radius, in units of the norm. steps: gradients of each APGD attempt. classes: how many of the best other
    classes are targets in turn. queries: of Square, per sample, in L∞.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["autoattack"] = "autoattack"
    norm: Literal["linf", "l2"] = "linf"
    epsilon: Annotated[float, Gt(0)] = 0.1
    steps: Annotated[int, Ge(2)] = 100
    classes: Annotated[int, Ge(1)] = 9
    queries: Annotated[int, Ge(1)] = 5000

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.norm}"

    def parts(self) -> tuple[Attack, ...]:
        white_box = (
            Apgd(norm=self.norm, epsilon=self.epsilon, steps=self.steps),
            Apgd(norm=self.norm, loss="t", epsilon=self.epsilon, steps=self.steps, attempts=self.classes),
        )
        return white_box if self.norm == "l2" else (*white_box, Square(epsilon=self.epsilon, queries=self.queries))

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        for part in self.parts():
            if not len(pending):
                break
            images = part(pending.model, pending.x, pending.goal, seeds=pending.seeds, on_step=on_step)
            with torch.no_grad():
                pending.settle(pending.goal.reached(pending.model(images)), images)
        return pending.found
