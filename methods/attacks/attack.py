"""What every attack is: a classifier, images and a goal in, images out.

An attack is its hyper-parameters: a frozen dataclass, so that equality, hash, table columns and cache key come from its
fields. It neither counts nor judges itself; `measuring.py` does that, from outside, around any attack.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from methods.attacks.goals import Goal
from methods.progress import OnStep, silent

Images = Float[Tensor, "n c h w"]
"""In [0, 1], float32 or float64."""
Logits = Float[Tensor, "n k"]
Classifier = Callable[[Images], Logits]
"""Returns logits, normalises its input itself, and is in eval mode."""


@runtime_checkable
class Attack(Protocol):
    goals: ClassVar[tuple[type, ...]]
    """Which kinds of goal it can pursue; any other is refused with `BadSetting` before it starts."""

    @property
    def name(self) -> str:
        """As in tables and files: `pgd_linf`."""
        ...

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        """Images that reach the goal; the clean image, unchanged, of every sample that the attack fails on.

        seeds: one per sample. All randomness is a function of them, so neither its companions in the batch nor their
        order change what becomes of a sample.
        """
        ...


def narrow(model: Classifier, keep: Tensor) -> Classifier:
    """The model for a part of the batch (a mask or indices): whoever counts calls must know whose they are."""
    part: Callable[[Tensor], Classifier] | None = getattr(model, "narrow", None)
    return part(keep) if part else model


def gradient(
    model: Classifier, x: Images, objective: Callable[[Logits], Float[Tensor, " n"]]
) -> tuple[Logits, Float[Tensor, " n"], Images]:
    """Logits, the objective of each sample, and its gradient with respect to that sample's image."""
    x = x.detach().requires_grad_()
    logits = model(x)
    values = objective(logits)
    (slope,) = torch.autograd.grad(values.sum(), x)
    return logits.detach(), values.detach(), slope


def per_sample(values: Shaped[Tensor, " n"]) -> Shaped[Tensor, "n 1 1 1"]:
    """One number per sample, shaped to be multiplied with images."""
    return values[:, None, None, None]
