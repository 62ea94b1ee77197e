"""The published schedule of invertible networks."""

import dataclasses
from collections.abc import Iterable
from typing import Annotated

import torch
from annotated_types import Gt, Interval
from torch import nn

from methods.defences.supervised import FixedSchedule
from methods.training.descent import Recipe


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AdamaxSteps(FixedSchedule):
    """Adamax, its learning rate times `decay` at each of the `milestones`, shares of all steps (arXiv 1811.00401)."""

    milestones: tuple[Annotated[float, Interval(gt=0, lt=1)], ...] = (0.3, 0.6, 0.8)
    decay: Annotated[float, Gt(0), Interval(le=1)] = 0.2

    @property
    def recipe(self) -> Recipe:
        def adamax_steps(
            parameters: Iterable[nn.Parameter], learning_rate: float, steps: int
        ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
            optimiser = torch.optim.Adamax(parameters, lr=learning_rate)
            places = [round(share * steps) for share in self.milestones]
            return optimiser, torch.optim.lr_scheduler.MultiStepLR(optimiser, places, gamma=self.decay)

        return adamax_steps
