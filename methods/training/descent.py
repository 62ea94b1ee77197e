"""The one loop in which generators are trained: Adam with a cosine schedule, one loss a step."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.progress import OnStep, silent
from methods.training.curve import Curve, LossRecorder


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Float[Tensor, ""]],
    *,
    stage: str,
    steps: int,
    learning_rate: float,
    after: Callable[[], None] = lambda: None,
    on_step: OnStep = silent,
) -> Curve:
    """Lowers `loss`, which draws its own batch, in place; `after` follows every step. Raises `Diverged`."""
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    recorder = LossRecorder(stage, steps, on_step)
    for _ in range(steps):
        value = loss()
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        schedule.step()
        after()
        recorder.add(value)
    return recorder.curve()
