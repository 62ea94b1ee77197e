"""The one loop in which generators and defended classifiers are trained: one loss a step."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.progress import OnStep, silent
from methods.training.curve import Curve, LossRecorder

Recipe = Callable[
    [Iterable[nn.Parameter], float, int], tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]
]
"""Parameters, learning rate and number of steps to an optimiser and what moves its learning rate, once a step."""


def adam_cosine(
    parameters: Iterable[nn.Parameter], learning_rate: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam, its learning rate falling to zero along a cosine."""
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    return optimiser, torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)


def adamw_cosine(
    parameters: Iterable[nn.Parameter], learning_rate: float, steps: int, *, weight_decay: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW (arXiv 1711.05101, decoupled weight decay), with the same schedule."""
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)
    return optimiser, torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)


def adaptive(weight_decay: float | None) -> Recipe:
    """Adam without, AdamW with a weight decay."""
    return adam_cosine if weight_decay is None else partial(adamw_cosine, weight_decay=weight_decay)


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Float[Tensor, ""]],
    *,
    stage: str,
    steps: int,
    learning_rate: float,
    recipe: Recipe = adam_cosine,
    after: Callable[[], None] = lambda: None,
    until: Callable[[int], bool] = lambda done: False,
    on_step: OnStep = silent,
) -> Curve:
    """Lowers `loss`, which draws its own batch, in place; `after` follows every step. Raises `Diverged`.

    until: whether to stop after so many steps; the schedule of the learning rate is that of all `steps`.
    """
    optimiser, schedule = recipe(parameters, learning_rate, steps)
    recorder = LossRecorder(stage, steps, on_step)
    for step in range(steps):
        value = loss()
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        schedule.step()
        after()
        recorder.add(value)
        if until(step + 1):
            recorder.flush()
            on_step(stage, steps, steps)
            break
    return recorder.curve()
