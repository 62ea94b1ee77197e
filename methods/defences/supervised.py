"""The one loop that trains a classifier, defended or not: what differs is how a batch becomes a loss."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from methods import randomness
from methods.evaluation.boundary import pixels
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import Recipe, adam_cosine, descend

Build = Callable[[int], nn.Module]
"""A freshly initialised classifier, of the same architecture whatever the seed, on the device of the images."""
Augment = Callable[[UInt8[Tensor, "n c h w"], torch.Generator], UInt8[Tensor, "n c h w"]]
BatchLoss = Callable[[nn.Module, Float[Tensor, "n c h w"], Int[Tensor, "n"], torch.Generator], Float[Tensor, ""]]
"""Of the network being trained, on images in [0, 1] and their labels; draws from the generator alone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Adam, its learning rate falling to zero along a cosine: the scale of a loss, so a temperature, matters little."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: Annotated[int, Ge(1)]
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    batch_size: Annotated[int, Ge(2)] = 128

    @property
    def recipe(self) -> Recipe:
        return adam_cosine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A classifier in eval mode, and the losses of each stage of its training."""

    network: nn.Module
    curves: dict[str, Curve]


@runtime_checkable
class Defence(Protocol):
    """A way to train a classifier; like an attack, it is its hyper-parameters."""

    @property
    def name(self) -> str: ...

    def __call__(
        self,
        build: Build,
        images: UInt8[Tensor, "n c h w"],
        labels: Int[Tensor, "n"],
        *,
        augment: Augment,
        seed: int,
        on_step: OnStep = silent,
    ) -> Trained:
        """Raises `Diverged`."""
        ...


def train(
    network: nn.Module,
    images: UInt8[Tensor, "n c h w"],
    labels: Int[Tensor, "n"],
    loss: BatchLoss,
    schedule: Schedule,
    augment: Augment,
    seed: int,
    *,
    stage: str,
    on_step: OnStep = silent,
) -> Curve:
    """Trains `network` in place, on the device where it and the images lie. Raises `Diverged`."""
    draw = randomness.generator(seed, stage, device=images.device)
    batches = _batches(len(images), schedule.batch_size, draw)
    per_epoch = max(1, len(images) // schedule.batch_size)
    network.train()
    numbers = iter(range(schedule.epochs * per_epoch))

    def batch_loss() -> Float[Tensor, ""]:
        batch = next(batches)
        x = pixels(augment(images[batch], draw))
        with randomness.global_draws(seed, stage, "layers", next(numbers), device=images.device):
            return loss(network, x, labels[batch], draw)

    return descend(
        network.parameters(),
        batch_loss,
        stage=stage,
        steps=schedule.epochs * per_epoch,
        learning_rate=schedule.learning_rate,
        recipe=schedule.recipe,
        on_step=on_step,
    )


def _batches(n: int, size: int, draw: torch.Generator) -> Iterator[Int[Tensor, "batch"]]:
    """Whole batches of one epoch after the other, without end; all images at once where they are fewer than a batch."""
    size = min(size, n)
    while True:
        yield from torch.randperm(n, generator=draw, device=draw.device)[: n // size * size].split(size)
