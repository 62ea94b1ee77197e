"""The one loop that trains a classifier, defended or not: what differs is how a batch becomes a loss."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from methods import randomness
from methods.errors import BadSetting
from methods.evaluation.boundary import pixels
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import Recipe, adam_cosine, descend
from methods.training.plateau import PlateauAnnealing

Build = Callable[[int], nn.Module]
"""A freshly initialised classifier, of the same architecture whatever the seed, on the device of the images."""
Augment = Callable[[UInt8[Tensor, "n c h w"], torch.Generator], UInt8[Tensor, "n c h w"]]
BatchLoss = Callable[[nn.Module, Float[Tensor, "n c h w"], Int[Tensor, " n"], torch.Generator], Float[Tensor, ""]]
"""Of the network being trained, on images in [0, 1] and their labels; draws from the generator alone."""


Validation = tuple[UInt8[Tensor, "m c h w"], Int[Tensor, " m"]]
"""Images that train nothing, and their labels."""
LOOKED_AT = 512
"""Validation images whose loss is computed together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FixedSchedule:
    """Adam, its learning rate falling to zero along a cosine: the scale of a loss, so a temperature, matters little."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: Annotated[int, Ge(1)]
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    batch_size: Annotated[int, Ge(2)] = 128

    @property
    def recipe(self) -> Recipe:
        return adam_cosine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(FixedSchedule):
    """The same, or, with a patience, Adam at a constant rate until the loss on validation images stops improving.

    patience: epochs without a smaller loss after which the rate falls to zero along a cosine, see `PlateauAnnealing`;
    `epochs` is the most that is taken then. None: all epochs, along one cosine.
    """

    patience: Annotated[int, Ge(1)] | None = None


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
        labels: Int[Tensor, " n"],
        *,
        augment: Augment,
        seed: int,
        validation: Validation | None = None,
        on_step: OnStep = silent,
    ) -> Trained:
        """validation: what decides when to stop, where the schedule has a patience. Raises `Diverged`, `BadSetting`."""
        ...


def train(
    network: nn.Module,
    images: UInt8[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    loss: BatchLoss,
    schedule: FixedSchedule,
    augment: Augment,
    seed: int,
    *,
    stage: str,
    validation: Validation | None = None,
    error: BatchLoss | None = None,
    on_step: OnStep = silent,
) -> dict[str, Curve]:
    """Trains `network` in place, on the device where it and the images lie; returns its curves by name.

    validation: needed by a schedule with a patience. error: what is to improve on it, of a network in eval mode; if not
    the loss. Raises `Diverged`; `BadSetting` where validation images are needed and missing.
    """
    draw = randomness.generator(seed, stage, device=images.device)
    batches = _batches(len(images), schedule.batch_size, draw)
    per_epoch = max(1, len(images) // schedule.batch_size)
    steps = schedule.epochs * per_epoch
    network.train()
    numbers = iter(range(steps))

    def batch_loss() -> Float[Tensor, ""]:
        batch = next(batches)
        x = pixels(augment(images[batch], draw))
        with randomness.global_draws(seed, stage, "layers", next(numbers), device=images.device):
            return loss(network, x, labels[batch], draw)

    descent = partial(
        descend,
        network.parameters(),
        batch_loss,
        stage=stage,
        steps=steps,
        learning_rate=schedule.learning_rate,
        on_step=on_step,
    )
    patience = schedule.patience if isinstance(schedule, Schedule) else None
    if patience is None:
        return {stage: descent(recipe=schedule.recipe)}
    if validation is None:
        raise BadSetting(
            problem=f"{stage}: a schedule with a patience needs validation images",
            remedy="pass validation=(images, labels), or set patience to null",
        )
    annealing = PlateauAnnealing(
        partial(_validation_error, network, validation, error or loss, seed, stage),
        every=per_epoch,
        patience=patience * per_epoch,
        steps=steps,
    )
    curve = descent(recipe=_annealed(annealing), until=annealing)
    return {stage: curve, f"{stage}, validation": annealing.curve()}


def _annealed(annealing: PlateauAnnealing) -> Recipe:
    def adam(
        parameters: Iterable[nn.Parameter], learning_rate: float, _: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
        return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, annealing.factor)

    return adam


def _validation_error(network: nn.Module, validation: Validation, error: BatchLoss, seed: int, stage: str) -> float:
    """The mean over all images; every look has the same draws."""
    images, labels = validation
    draw = randomness.generator(seed, stage, "validation", device=images.device)
    network.eval()
    total = 0.0
    for x, y in zip(images.split(LOOKED_AT), labels.split(LOOKED_AT), strict=True):
        with torch.no_grad():  # an error that needs a gradient switches it on for itself
            total += error(network, pixels(x), y, draw).item() * len(y)
    network.train()
    return total / len(labels)


def _batches(n: int, size: int, draw: torch.Generator) -> Iterator[Int[Tensor, " batch"]]:
    """Whole batches of one epoch after the other, without end; all images at once where they are fewer than a batch."""
    size = min(size, n)
    while True:
        yield from torch.randperm(n, generator=draw, device=draw.device)[: n // size * size].split(size)
