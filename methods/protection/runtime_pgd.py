"""The run-time backdoor by sign steps on the image as it will be saved."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Int
from torch import Tensor

from methods.attacks import draws
from methods.attacks.attack import per_sample
from methods.progress import OnStep, silent
from methods.protection.inpainter import Images, Inpainter, Masks
from methods.protection.objective import Losses, Objective
from methods.protection.protection import Protected
from methods.protection.saving import saved


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePgd:
    """The losses of "Attack as Defense", lowered by projected gradient descent (Madry et al., arXiv 1706.06083).

    epsilon: of ‖δ‖∞, in units of a pixel's full range. iterations: steps of one restart, all of them used; the losses
    are looked at once more than that. step_size: share of ε of the first step; the steps shrink evenly, so that the
    last one is 1/iterations of it. restarts: random starts, uniform in [−start·ε, start·ε]. Losses and gradients are
    those of the image rounded to 8 bits, and the best look of all restarts is what is returned.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["runtime_pgd"] = "runtime_pgd"
    epsilon: Annotated[float, Gt(0), Le(1)] = 0.025
    iterations: Annotated[int, Ge(1)] = 20
    step_size: Annotated[float, Gt(0)] = 0.5
    restarts: Annotated[int, Ge(1)] = 1
    start: Annotated[float, Ge(0), Le(1)] = 1.0
    losses: Losses = Losses()

    def __call__(
        self, inpainter: Inpainter, x: Images, masks: Masks, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Protected:
        objective, epsilon = Objective(self.losses, inpainter, x, masks, seeds), self.epsilon
        looks: list[Tensor] = []
        best, least = x, torch.full_like(x[:, 0, 0, 0], float("inf"))
        chosen, total = torch.zeros_like(seeds), self.restarts * (self.iterations + 1)
        for restart in range(self.restarts):
            within = draws.uniform(seeds, 0, restart, shape=tuple(x.shape[1:]), dtype=x.dtype)
            noise = self.start * epsilon * (2 * within - 1) * objective.support
            for iteration in range(self.iterations + 1):
                images = saved(x + noise, x, epsilon)
                if iteration < self.iterations:
                    values, slope = objective.slope(images)
                    step = self.step_size * epsilon * (1 - iteration / self.iterations)
                    noise = (noise - step * slope.sign()).clamp(-epsilon, epsilon)
                else:
                    with torch.no_grad():
                        values = objective.values(images)
                better = values < least
                best, least = torch.where(per_sample(better), images, best), torch.where(better, values, least)
                chosen = torch.where(better, len(looks), chosen)
                looks.append(values)
                on_step(self.kind, len(looks), total)
        return Protected(images=best, losses=torch.stack(looks, 1), chosen=chosen)
