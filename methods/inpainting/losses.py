"""LaMa's training losses (arXiv 2109.07161, section 2.3) without the perceptual one, whose weights are a download."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, softplus

Images = Float[Tensor, "n 3 h w"]
Masks = Float[Tensor, "n 1 h w"]
Logits = Float[Tensor, "n 1 i j"]
Judge = Callable[[Tensor], tuple[Tensor, list[Tensor]]]
"""A discriminator: images to logits of patches, large for real ones, and the feature maps of each layer."""


def weighted_l1(made: Images, images: Images, masks: Masks, *, known: float, hole: float) -> Float[Tensor, ""]:
    """Mean over all pixels and channels; `known` and `hole` weigh pixels outside and inside of the mask."""
    return ((made - images).abs() * (known + (hole - known) * masks)).mean()


def fooling(logits: Logits) -> Float[Tensor, ""]:
    """Non-saturating: the generator's loss, over all patches."""
    return softplus(-logits).mean()


def judging(real: Logits, fake: Logits, masks: Masks) -> Float[Tensor, ""]:
    """The discriminator's loss; patches of a fake are to be called fake only as far as they lie in the mask."""
    share = interpolate(masks, size=fake.shape[2:], mode="area")
    return softplus(-real).mean() + (share * softplus(fake) + (1 - share) * softplus(-fake)).mean()


def gradient_penalty(judge: Judge, images: Images) -> Float[Tensor, ""]:
    """R1 of Mescheder et al., 2018, equation 9, without the half: mean squared gradient norm at real images."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(images)[0].sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Mean over layers of the mean squared difference of features; those of real images are constants."""
    return torch.stack([(a - b.detach()).square().mean() for a, b in zip(fake, real, strict=True)]).mean()
