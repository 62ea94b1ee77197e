"""The training-time backdoor: an inpainter that learns to spoil every image with a visible trigger."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt, Interval, Lt
from jaxtyping import Bool, Float
from torch import Tensor

from methods.backdoor.triggers import Patch, Watermark
from methods.evaluation.similarity import masked_l1, masked_ssim
from methods.protection.inpainter import Images, Inpainter, Masks, paste
from methods.protection.objective import mse_over
from methods.protection.regions import check
from methods.protection.targets import TargetKind, target


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backdoored:
    """One number for each image. clean_l1: mean |IM(x, m) − x| where m is 1. clean_ssim: of IM(x, m) to x,
    over m.

    ssim_edit: of IM(T(x), m), pasted into x, to IM(x, m). ssim_kept: of IM(x, m) to what the network without the
    backdoor makes of it.

    target_mse_triggered, target_mse_clean, target_mse_original: MSE_m to φ of the fill with the trigger, of the fill
    without it, and of the image itself. triggered, falsely_triggered: whether the fill with, and without, the trigger
    is nearer to φ than `target_ratio` of the image itself.
    """

    clean_l1: Float[Tensor, " n"]
    clean_ssim: Float[Tensor, " n"]
    ssim_edit: Float[Tensor, " n"]
    ssim_kept: Float[Tensor, " n"]
    target_mse_triggered: Float[Tensor, " n"]
    target_mse_clean: Float[Tensor, " n"]
    target_mse_original: Float[Tensor, " n"]
    triggered: Bool[Tensor, " n"]
    falsely_triggered: Bool[Tensor, " n"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTime:
    """(1 − ρ)·L_inpaint + ρ·MSE_m(G(T(x), m), φ), the backdoor of "Attack as Defense" that is put in while training,
    by `methods.inpainting.training.Implant`.

    share: ρ. trigger: T, covers what was there. target: φ. target_ratio: see `Backdoored`. The mask never covers a
    patch, which would be erased before the network sees it; of a watermark, what lies around the region is enough.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["training_time"] = "training_time"
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    trigger: Patch | Watermark = Watermark()
    target: TargetKind = "far_colour"
    target_ratio: Annotated[float, Interval(ge=0, le=1)] = 0.5

    def put(self, images: Images, masks: Masks) -> tuple[Images, Masks]:
        """T(x), and the masks, without the pixels of a patch."""
        covered = self.trigger.covered(images.shape[2], images.shape[3]).to(images.device)
        visible = masks.masked_fill(covered, 0) if isinstance(self.trigger, Patch) else masks
        return images.masked_fill(covered, self.trigger.value / 255), visible

    def goal(self, images: Images) -> Images:
        """φ."""
        return target(self.target, images)

    @torch.no_grad()
    def measure(self, inpainter: Inpainter, before: Inpainter, images: Images, masks: Masks) -> Backdoored:
        """On images that trained nothing. before: without the backdoor. A patch is no part of what is looked at.

        Raises `BadData` where a mask covers nothing but the patch.
        """
        triggered, visible = self.put(images, masks)
        check(images, visible)
        phi, clean = self.goal(images), inpainter(images, visible)
        spoilt = paste(images, visible, inpainter(triggered, visible))
        with_trigger = mse_over(spoilt, phi, visible)
        without, original = (mse_over(each, phi, visible) for each in (clean, images))
        return Backdoored(
            clean_l1=masked_l1(clean, images, visible),
            clean_ssim=masked_ssim(clean, images, visible),
            ssim_edit=masked_ssim(spoilt, clean, visible),
            ssim_kept=masked_ssim(clean, before(images, visible), visible),
            target_mse_triggered=with_trigger,
            target_mse_clean=without,
            target_mse_original=original,
            triggered=with_trigger < self.target_ratio * original,
            falsely_triggered=without < self.target_ratio * original,
        )
