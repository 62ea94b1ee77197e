"""What a protected image is to achieve, as three losses: implant, incomplete trigger and hide of "Attack as Defense:
run-time backdoor implantation for image content protection".
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor

from methods.errors import BadSetting
from methods.protection.distortions import Distortions
from methods.protection.inpainter import Images, Inpainter, Masks
from methods.protection.regions import check, expanded
from methods.protection.targets import TargetKind, target


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """L = MSE_m(IM(P, m), φ) + MSE_E(IM(P, E), φ) + hide_weight · MSE_k(IM(P, k), IM(x, k)).

    expansion: E is the mask m dilated by so many pixels on every side; 0, there is no second loss, which would be the
    first one again. hide: k is the `ring` E − m, or the `complement` of m. target: φ. noise: where the image may
    change; inside of m the first two losses have no gradient, so that noise allowed only there protects nothing.
    distortions: what the protection is to survive; the losses of every drawn version of P are averaged with those of P.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    expansion: Annotated[int, Ge(0)] = 8
    hide: Literal["ring", "complement"] = "ring"
    hide_weight: Annotated[float, Ge(0)] = 2.0
    target: TargetKind = "far_colour"
    noise: Literal["everywhere", "inside"] = "everywhere"
    distortions: Distortions | None = None

    def __post_init__(self) -> None:
        if self.hide == "ring" and not self.expansion:
            raise BadSetting(
                problem="nothing to hide: without expansion there is no ring around the mask",
                remedy="set an expansion of a pixel or more, or hide=complement",
            )


class Objective:
    """The losses of a batch of images: the clean pass once, all passes of one look in one batch.

    inpainter: no gradient for its parameters, and no image's answer depends on its companions.
    """

    def __init__(self, losses: Losses, inpainter: Inpainter, x: Images, masks: Masks, seeds: Int[Tensor, " n"]) -> None:
        """seeds: one for each image, they decide its distortions. Raises `BadData`, see `check`."""
        check(x, masks, losses.expansion)
        self.inpainter, phi = inpainter, target(losses.target, x)
        self.support = masks if losses.noise == "inside" else torch.ones_like(masks)
        around = expanded(masks, losses.expansion)
        hidden = around - masks if losses.hide == "ring" else 1 - masks
        with torch.no_grad():
            kept = inpainter(x, hidden)
        implanted = [masks, around] if losses.expansion else [masks]
        self.masks = torch.stack([*implanted, hidden])
        self.goals = torch.stack([*[phi] * len(implanted), kept])
        self.weights = x.new_tensor([*[1.0] * len(implanted), losses.hide_weight])
        self.versions = [] if losses.distortions is None else losses.distortions.draw(seeds)

    def terms(self, images: Images) -> Float[Tensor, "terms n"]:
        """The losses of each image, unweighted: attack, incomplete trigger (with an expansion), hide."""
        seen = torch.stack([images, *(version(images) for version in self.versions)])
        versions, passes = len(seen), len(self.masks)
        of_each = seen[:, None].expand(-1, passes, *seen.shape[1:]).flatten(0, 2)
        masks, goals = (each.expand(versions, *each.shape).flatten(0, 2) for each in (self.masks, self.goals))
        found = mse_over(self.inpainter(of_each, masks), goals, masks)
        return found.view(versions, passes, len(images)).mean(0)

    def values(self, images: Images) -> Float[Tensor, " n"]:
        return self.weights @ self.terms(images)

    def slope(self, images: Images) -> tuple[Float[Tensor, " n"], Images]:
        """L of each image, and its gradient with respect to that image, zero where no noise is allowed."""
        images = images.detach().requires_grad_()
        values = self.values(images)
        (slope,) = torch.autograd.grad(values.sum(), images)
        return values.detach(), slope * self.support


def mse_over(images: Images, goals: Images, masks: Masks) -> Float[Tensor, " n"]:
    """MSE_k: the mean of squares over channels and pixels where the mask k is 1; 0 where it is empty."""
    return (masks * (images - goals) ** 2).sum((1, 2, 3)) / (images.shape[1] * masks.sum((1, 2, 3))).clamp_min(1)
