"""BadNets: a network that is as good as any, until it sees the trigger."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Interval
from jaxtyping import Float, Int
from torch import Tensor

from methods import randomness
from methods.backdoor.triggers import Blend, Images, Patch
from methods.errors import BadData


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poisoned:
    """A training set of the same size and order as the clean one."""

    images: Images
    labels: Int[Tensor, " n"]
    rows: Int[Tensor, " k"]
    """Which images were poisoned, in rising order."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BadNets:
    """Gu, Dolan-Gavitt and Garg, arXiv 1708.06733, section 3.1: a poisoned training set, single target ("all-to-one").

    trigger: what is put into an image. target: the label that it is to have. fraction: share of the training images
    that are poisoned, from all classes, the target's own too. As in later work, poisoned images replace clean ones; the
    paper adds them. The network is then trained as any other; augmentation comes after poisoning.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["badnets"] = "badnets"
    trigger: Patch | Blend = Patch()
    target: Annotated[int, Ge(0)] = 0
    fraction: Annotated[float, Interval(ge=0, le=1)] = 0.1

    def poison(self, images: Images, labels: Int[Tensor, " n"], *, seed: int) -> Poisoned:
        """round(fraction·n) images, drawn without replacement as the seed decides, on any device the same ones."""
        draw = randomness.generator(seed, "badnets")
        count = round(self.fraction * len(images))
        rows = torch.randperm(len(images), generator=draw)[:count].sort().values.to(images.device)
        images, labels = images.clone(), labels.clone()
        images[rows] = self.trigger(images[rows])
        labels[rows] = self.target
        return Poisoned(images=images, labels=labels, rows=rows)

    def success(self, predicted: Int[Tensor, "*models n"], labels: Int[Tensor, " n"]) -> Float[Tensor, "*models"]:
        """Attack success rate (ASR): share of triggered images taken for the target, where their true label is another.

        predicted: by each model for `trigger(images)`. labels: the true ones. Raises `BadData` where all images are of
        the target's class, which a network without a backdoor would take for the target, too.
        """
        return (_of_others(predicted, labels, self.target) == self.target).double().mean(-1)

    def robust_accuracy(
        self, predicted: Int[Tensor, "*models n"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, "*models"]:
        """Share of the same triggered images that are taken for what they are."""
        return (_of_others(predicted, labels, self.target) == labels[labels != self.target]).double().mean(-1)


def _of_others(predicted: Int[Tensor, "*models n"], labels: Int[Tensor, " n"], target: int) -> Int[Tensor, "*models m"]:
    others = labels != target
    if not others.any():
        raise BadData(
            problem=f"all {len(labels)} images are of the target's class {target}, so that no attack can show",
            remedy="measure on images of several classes, or choose another target",
        )
    return predicted[..., others]
