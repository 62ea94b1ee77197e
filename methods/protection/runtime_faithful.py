"""The run-time backdoor as its authors' public code makes it."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Int
from torch import Tensor

from methods.attacks import draws
from methods.progress import OnStep, silent
from methods.protection.inpainter import Images, Inpainter, Masks
from methods.protection.objective import Losses, Objective
from methods.protection.protection import Protected
from methods.protection.saving import saved

Beta = Annotated[float, Ge(0), Lt(1)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFaithful:
    """ "Attack as Defense": Adam on the noise, cut to its budget at the start of every iteration.

    epsilon: of ‖δ‖∞, in units of a pixel's full range. iterations: how often the losses are looked at; the image is the
    one of the last look, so that one step fewer counts. start: δ₀ is uniform in [0, start). learning_rate, betas,
    adam_epsilon: of Adam. The loss is that of the image before it is saved, and its gradient passes the cut to [0, 1]
    as if there were none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["runtime_faithful"] = "runtime_faithful"
    epsilon: Annotated[float, Gt(0), Le(1)] = 0.025
    iterations: Annotated[int, Ge(1)] = 20
    start: Annotated[float, Ge(0)] = 0.01
    learning_rate: Annotated[float, Gt(0)] = 0.1
    betas: tuple[Beta, Beta] = (0.5, 0.5)
    adam_epsilon: Annotated[float, Gt(0)] = 1e-10
    losses: Losses = Losses()

    def __call__(
        self, inpainter: Inpainter, x: Images, masks: Masks, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Protected:
        objective, looks = Objective(self.losses, inpainter, x, masks, seeds), []
        noise = self.start * draws.uniform(seeds, 0, shape=tuple(x.shape[1:]), dtype=x.dtype) * objective.support
        optimiser = torch.optim.Adam([noise], self.learning_rate, self.betas, self.adam_epsilon)
        for iteration in range(self.iterations):
            noise.clamp_(-self.epsilon, self.epsilon)
            images = (x + noise).clamp(0, 1)
            if iteration < self.iterations - 1:
                values, noise.grad = objective.slope(images)
                optimiser.step()
            else:
                with torch.no_grad():
                    values = objective.values(images)
            looks.append(values)
            on_step(self.kind, iteration + 1, self.iterations)
        chosen = torch.full_like(seeds, self.iterations - 1)
        return Protected(images=saved(images, x, self.epsilon), losses=torch.stack(looks, 1), chosen=chosen)
