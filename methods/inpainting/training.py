"""Training an inpainter from nothing but photographs: LaMa's recipe (arXiv 2109.07161, section 2.3), made small."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from methods.inpainting.losses import Images, Masks, fooling, gradient_penalty, judging, matching, weighted_l1
from methods.inpainting.masks import MaskDraw, draw_masks
from methods.inpainting.variation import vary
from methods.progress import OnStep, silent
from methods.protection.objective import mse_over
from methods.randomness import generator
from methods.training.curve import Curve, LossRecorder

Weight = Annotated[float, Ge(0)]
BETAS = (0.9, 0.999)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InpainterTraining:
    """The defaults are LaMa's weights and rates, with the L1 term inside the hole that it does not need.

    steps, batch: of Adam. learning_rate, judge_rate: of the generator and the discriminator. schedule: `one_cycle`
        raises the generator's rate over the first tenth, and lets it fall to nothing.
    l1_known, l1_hole: weights of the absolute error of a pixel outside and inside of the mask; without a perceptual
        loss a small network learns to fill by the latter.
    adversarial, feature_matching, r1: weights; with the first two 0 there is no discriminator.
    penalty_every: steps from one gradient penalty to the next, each counting as often.
    colour: see `methods.inpainting.variation.vary`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    steps: Annotated[int, Ge(1)]
    batch: Annotated[int, Ge(2)] = 16
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    judge_rate: Annotated[float, Gt(0)] = 1e-4
    schedule: Literal["constant", "one_cycle"] = "constant"
    l1_known: Weight = 10.0
    l1_hole: Weight = 10.0
    adversarial: Weight = 10.0
    feature_matching: Weight = 100.0
    r1: Weight = 0.001
    penalty_every: Annotated[int, Ge(1)] = 1
    masks: MaskDraw = dataclasses.field(default_factory=MaskDraw)
    colour: Annotated[float, Ge(0), Le(1)] = 0.2

    @property
    def judged(self) -> bool:
        return self.adversarial > 0 or self.feature_matching > 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Implant:
    """Another aim beside filling: (1 − share)·L1 + share·MSE of the fill of other images to a goal + adversarial terms.

    put: images and masks to those others. goal: the images, to what the fill of their others is to be.

    The generator is shown both kinds in one batch. In two, batch norm would tell one from the other in training, by the
    statistics of a batch that is all of a kind, and then not in use, where nothing is left to tell them by.
    """

    share: Annotated[float, Gt(0), Le(1)]
    put: Callable[[Images, Masks], tuple[Images, Masks]]
    goal: Callable[[Images], Images]


def train_inpainter(
    network: nn.Module,
    judge: nn.Module,
    images: UInt8[Tensor, "n 3 side side"],
    training: InpainterTraining,
    *,
    seed: int,
    implant: Implant | None = None,
    on_step: OnStep = silent,
) -> Curve:
    """Trains both networks in place; the curve is of the generator's loss. Raises `Diverged`.

    network: (n, 4, side, side), the image without the hole and the mask, to (n, 3, side, side) in [0, 1]. judge: images
    to logits of patches and feature maps; not touched where nothing judges. Both on the device of `images`.
    """
    network.to(memory_format=torch.channels_last)  # a step takes four fifths of the time, on one core
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate, betas=BETAS)
    schedule = _schedule(optimiser, training)
    judge_optimiser = torch.optim.Adam(judge.parameters(), lr=training.judge_rate, betas=BETAS)
    recorder = LossRecorder("train inpainter", training.steps, on_step)
    network.train()
    judge.train()
    for step in range(training.steps):
        real, masks = _batch(images, training, seed, step)
        made, loss = _made(network, real, masks, training, implant)
        pasted = masks * made + (1 - masks) * real
        if training.judged:
            _improve(judge, judge_optimiser, real, pasted.detach(), masks, training, step)
        if training.judged:
            loss = loss + _judged(judge, real, pasted, training)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        recorder.add(loss)
    network.to(memory_format=torch.contiguous_format)
    return recorder.curve()


def _made(
    network: nn.Module, real: Images, masks: Masks, training: InpainterTraining, implant: Implant | None
) -> tuple[Images, Float[Tensor, ""]]:
    """What the network makes of the images, and its loss but for the adversarial terms."""
    l1 = partial(weighted_l1, images=real, masks=masks, known=training.l1_known, hole=training.l1_hole)
    if implant is None:
        made = network(_seen(real, masks))
        return made, l1(made)
    others, visible = implant.put(real, masks)
    made, spoilt = network(torch.cat([_seen(real, masks), _seen(others, visible)])).chunk(2)
    aim = mse_over(spoilt, implant.goal(real), visible).mean()
    return made, (1 - implant.share) * l1(made) + implant.share * aim


def _seen(images: Images, masks: Masks) -> Float[Tensor, "n 4 h w"]:
    return torch.cat([images * (1 - masks), masks], 1)


def _schedule(optimiser: torch.optim.Adam, training: InpainterTraining) -> torch.optim.lr_scheduler.LRScheduler:
    if training.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, training.learning_rate, total_steps=training.steps + 1, pct_start=0.1, cycle_momentum=False
    )


def _batch(images: Tensor, training: InpainterTraining, seed: int, step: int) -> tuple[Images, Masks]:
    draw = generator(seed, "inpainter batch", step, device=images.device)
    chosen = torch.randint(len(images), (training.batch,), generator=draw, device=images.device)
    real = vary(images[chosen].float() / 255, colour=training.colour, draw=draw)
    height, width = real.shape[2:]
    return real, draw_masks(training.masks, training.batch, height, width, draw)


def _improve(
    judge: nn.Module,
    optimiser: torch.optim.Adam,
    real: Images,
    fake: Images,
    masks: Masks,
    training: InpainterTraining,
    step: int,
) -> None:
    judge.requires_grad_(True)
    loss = judging(judge(real)[0], judge(fake)[0], masks)
    if training.r1 and step % training.penalty_every == 0:
        loss = loss + training.r1 * training.penalty_every * gradient_penalty(judge, real)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _judged(judge: nn.Module, real: Images, pasted: Images, training: InpainterTraining) -> Float[Tensor, ""]:
    judge.requires_grad_(False)
    logits, features = judge(pasted)
    with torch.no_grad():
        _, wanted = judge(real)
    return training.adversarial * fooling(logits) + training.feature_matching * matching(features, wanted)
