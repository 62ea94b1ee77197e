"""The control of every protection: as much noise, and none of its purpose."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt, Le
from jaxtyping import Int
from torch import Tensor

from methods.attacks import draws
from methods.progress import OnStep, silent
from methods.protection.inpainter import Images, Inpainter, Masks
from methods.protection.objective import Losses, Objective
from methods.protection.protection import Protected
from methods.protection.saving import saved


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NoiseControl:
    """Random signs at full budget: every channel of every pixel moves by ε up or down, as far as [0, 1] goes.

    epsilon: in units of a pixel's full range. losses: what is looked at once, and changes nothing.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["noise_control"] = "noise_control"
    epsilon: Annotated[float, Gt(0), Le(1)] = 0.025
    losses: Losses = Losses()

    def __call__(
        self, inpainter: Inpainter, x: Images, masks: Masks, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Protected:
        objective = Objective(self.losses, inpainter, x, masks, seeds)
        up = draws.uniform(seeds, 0, shape=tuple(x.shape[1:]), dtype=x.dtype) < 0.5
        noise = torch.where(up, self.epsilon, -self.epsilon).to(x.dtype) * objective.support
        images = saved(x + noise, x, self.epsilon)
        with torch.no_grad():
            losses = objective.values(images)[:, None]
        on_step(self.kind, 1, 1)
        return Protected(images=images, losses=losses, chosen=torch.zeros_like(seeds))
