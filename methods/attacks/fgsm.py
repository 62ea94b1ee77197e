"""The fast gradient sign method: one step."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from jaxtyping import Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, gradient, per_sample
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fgsm:
    """Goodfellow et al., arXiv 1412.6572, section 4: every pixel by ε along the sign of the gradient."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["fgsm"] = "fgsm"
    epsilon: Annotated[float, Gt(0)] = 0.1

    @property
    def name(self) -> str:
        return "fgsm_linf"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        logits, _, slope = gradient(model, x, goal.loss)
        z = torch.where(per_sample(goal.reached(logits)), x, (x - self.epsilon * slope.sign()).clamp(0, 1))
        found = torch.where(per_sample(goal.reached(model(z))), z, x)
        on_step(self.name, 1, 1)
        return found
