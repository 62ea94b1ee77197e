"""What a protection does to the work of an editor, measured on the image as it reaches that editor."""

import dataclasses
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Gt, Interval
from jaxtyping import Bool, Float
from torch import Tensor

from methods.evaluation.similarity import masked_ssim, psnr, ssim
from methods.protection.inpainter import Images, Inpainter, Masks, paste
from methods.protection.objective import mse_over
from methods.protection.regions import check, expanded, half
from methods.protection.targets import TargetKind, target

Numbers = Float[Tensor, " n"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """One number for each image, of the edit that a protection is to spoil.

    target_mse, target_mse_clean: MSE_m to φ of the fill of m, of the protected and the clean image. ssim_edit: of the
    two fills of m. protected: by the limits of the `Judge`.
    """

    target_mse: Numbers
    target_mse_clean: Numbers
    ssim_edit: Numbers
    protected: Bool[Tensor, " n"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One number for each image. psnr, ssim: of the protected image to the clean one.

    target_mse, target_mse_clean, ssim_edit, protected: see `Edited`. The same SSIM of the fills of m's and E's left
    halves in ssim_incomplete, of the ring in ssim_benign, of squares elsewhere in ssim_far, each averaged over its
    masks. hidden: by the limits of the `Judge`.
    """

    psnr: Numbers
    ssim: Numbers
    target_mse: Numbers
    target_mse_clean: Numbers
    ssim_edit: Numbers
    ssim_incomplete: Numbers
    ssim_benign: Numbers
    ssim_far: Numbers
    protected: Bool[Tensor, " n"]
    hidden: Bool[Tensor, " n"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """expansion: of E(m), in pixels, 1 or more. target_ratio: a protected image's distance to φ is below
    this share of the clean one's, and its ssim_edit below `edit`. hidden: what ssim_benign and ssim_far are to exceed.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    expansion: Annotated[int, Gt(0)] = 8
    target_ratio: Annotated[float, Gt(0), Interval(le=1)] = 0.5
    edit: Annotated[float, Interval(ge=-1, le=1)] = 0.5
    hidden: Annotated[float, Interval(ge=-1, le=1)] = 0.9

    @torch.no_grad()
    def __call__(
        self,
        inpainter: Inpainter,
        x: Images,
        masks: Masks,
        far: Float[Tensor, "n k h w"],
        *,
        protected: Images,
        goal: TargetKind,
        clean: Images | None = None,
    ) -> Judged:
        """x: the clean images, which fills are pasted into and φ is made of. far: masks outside of E(m), k for each.
        goal: the φ that the protection was to put into the edit.

        protected: as the editor gets them: saved, and sent through whatever they are to survive. clean: the clean
        images after the same journey, if there was one, so that its own harm is not counted as protection.
        """
        check(x, masks, self.expansion)
        edited = self.edited(inpainter, x, masks, protected=protected, goal=goal, clean=clean)
        clean, around = x if clean is None else clean, expanded(masks, self.expansion)

        def alike(*regions: Masks) -> Numbers:
            found = [fill_similarity(inpainter(protected, k), inpainter(clean, k), x, k) for k in regions]
            return torch.stack(found).mean(0)

        benign, elsewhere = alike(around - masks), alike(*far[:, :, None].unbind(1))
        return Judged(
            psnr=psnr(protected, x),
            ssim=ssim(protected, x),
            target_mse=edited.target_mse,
            target_mse_clean=edited.target_mse_clean,
            ssim_edit=edited.ssim_edit,
            ssim_incomplete=alike(half(masks), half(around)),
            ssim_benign=benign,
            ssim_far=elsewhere,
            protected=edited.protected,
            hidden=(benign > self.hidden) & (elsewhere > self.hidden),
        )

    @torch.no_grad()
    def edited(
        self,
        inpainter: Inpainter,
        x: Images,
        masks: Masks,
        *,
        protected: Images,
        goal: TargetKind,
        clean: Images | None = None,
    ) -> Edited:
        """The edit of m alone, two fills of each image; arguments as above."""
        fills = [inpainter(each, masks) for each in (protected, x if clean is None else clean)]
        phi = target(goal, x)
        distance, distance_clean = (mse_over(each, phi, masks) for each in fills)
        edit = fill_similarity(fills[0], fills[1], x, masks)
        return Edited(
            target_mse=distance,
            target_mse_clean=distance_clean,
            ssim_edit=edit,
            protected=(distance < self.target_ratio * distance_clean) & (edit < self.edit),
        )


def fill_similarity(fills: Images, others: Images, x: Images, masks: Masks) -> Numbers:
    """SSIM of two fills of the same mask, both pasted into the clean image: else windows at the edge of the mask, which
    see its surroundings too, would take the noise there for a difference of the fills.
    """
    return masked_ssim(paste(x, masks, fills), paste(x, masks, others), masks)
