"""How alike two images are to the eye."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

Images = Float[Tensor, "n c h w"]
Masks = Float[Tensor, "n 1 h w"]
"""0 and 1; each has a 1 somewhere."""

WINDOW = 7
"""Side of the square that statistics are taken over, in pixels."""
C1, C2 = 0.01**2, 0.03**2
"""(K₁L)² and (K₂L)² for images in [0, 1]."""


def ssim_map(x: Images, y: Images) -> Float[Tensor, "n c i j"]:
    """Structural similarity of each window, at most 1 (Wang, Bovik, Sheikh and Simoncelli, 2004, equation 13).

    Windows are uniform squares that lie wholly inside of the image, of 7 pixels or of the image's shorter side;
    variances have n − 1 in the denominator. The paper's window, a Gaussian over 11 pixels, exceeds some
    of our images.
    """
    side = min(WINDOW, *x.shape[2:])

    mean, unbiased = partial(avg_pool2d, kernel_size=side, stride=1), side**2 / max(side**2 - 1, 1)
    mu, nu = mean(x), mean(y)
    of_x, of_y = unbiased * (mean(x * x) - mu * mu), unbiased * (mean(y * y) - nu * nu)
    both = unbiased * (mean(x * y) - mu * nu)
    return (2 * mu * nu + C1) * (2 * both + C2) / ((mu * mu + nu * nu + C1) * (of_x + of_y + C2))


def ssim(x: Images, y: Images) -> Float[Tensor, " n"]:
    """Mean over windows and channels, of each pair of images in [0, 1]."""
    return ssim_map(x, y).mean((1, 2, 3))


def psnr(x: Images, y: Images) -> Float[Tensor, " n"]:
    """Peak signal-to-noise ratio in decibels, −10·log₁₀ of the mean square, of images in [0, 1]; ∞ of equal ones."""
    return -10 * ((x - y) ** 2).mean((1, 2, 3)).log10()


def l2(x: Images, y: Images) -> Float[Tensor, " n"]:
    """Euclidean distance of each pair, in units of the full range of one pixel."""
    return torch.linalg.vector_norm((x - y).flatten(1), dim=1)


def masked_ssim(x: Images, y: Images, masks: Masks) -> Float[Tensor, " n"]:
    """Mean of the SSIM map over the windows whose centre lies in the mask; at the edges images are mirrored.

    Where x and y differ outside of the mask, windows near its border see that too.
    """
    side = min(WINDOW, *x.shape[2:])
    before, after = side // 2, side - 1 - side // 2
    around = [pad(each, (before, after, before, after), mode="reflect") for each in (x, y)]
    return _masked_mean(ssim_map(*around), masks)


def masked_l1(x: Images, y: Images, masks: Masks) -> Float[Tensor, " n"]:
    """Mean absolute difference over the channels of the masked pixels, for values in [0, 1]."""
    return _masked_mean((x - y).abs(), masks)


def _masked_mean(values: Images, masks: Masks) -> Float[Tensor, " n"]:
    return (values.mean(1, keepdim=True) * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))
