"""Random noise: what an attack is worth that looks for nothing."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Int
from torch import Tensor

from methods.attacks import draws
from methods.attacks.attack import Classifier, Images
from methods.attacks.balls import Linf
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RandomNoise:
    """The first of `tries` random points of the L∞ ball that succeeds: in turn uniform, and ±ε at every pixel.

    The control of Athalye, Carlini and Wagner, arXiv 1802.00420, section 3.1: random sampling must not find what
    gradients do not. epsilon: radius.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["noise"] = "noise"
    epsilon: Annotated[float, Gt(0)] = 0.1
    tries: Annotated[int, Ge(1)] = 100

    @property
    def name(self) -> str:
        return "noise_linf"

    @torch.no_grad()
    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        pending.settle(goal.reached(model(x)), x)
        for number in range(self.tries):
            if not len(pending):
                break
            noise = 2 * draws.uniform(pending.seeds, number, shape=tuple(x.shape[1:]), dtype=x.dtype) - 1
            if number % 2:
                noise = torch.where(noise < 0, -1.0, 1.0).to(x.dtype)
            z = Linf().project(pending.x + self.epsilon * noise, pending.x, self.epsilon)
            pending.settle(pending.goal.reached(pending.model(z)), z)
            on_step(self.name, number + 1, self.tries)
        return pending.found
