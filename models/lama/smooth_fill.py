"""The smoothest fill of a hole: Laplace's equation with the pixels around as boundary values, by full multigrid."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

Images = Float[Tensor, "n c h w"]
Weights = Float[Tensor, "n 1 h w"]

NEIGHBOURS = ((0.5, 1.0, 0.5), (1.0, 0.0, 1.0), (0.5, 1.0, 0.5))
"""Weights of the mean that a relaxed pixel becomes: nearer neighbours count twice."""
COARSEST = 2
"""Side, in pixels, from which on a map's holes are filled with its mean."""


def smooth_fill(images: Images, known: Weights, *, sweeps: int = 8) -> Images:
    """The images where `known` is 1; where it is 0, close to the harmonic function with their values at its border.

    known: how much of each pixel is known, 0 to 1; something must be. At each scale, coarsest first, the fill of the
    scale below is enlarged and relaxed `sweeps` times. Linear in the images, and differentiable by them; at the
    image's own edges the fill is flat. Sources: Burt, "Moment images, polynomial fit filters and the problem of surface
    interpolation", 1988, for averages over known pixels alone; Briggs, Henson and McCormick, "A Multigrid Tutorial",
    chapter 3, for the order of scales.
    """
    if min(images.shape[2:]) <= COARSEST:
        mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1e-6)
        return known * images + (1 - known) * mean
    share = _halved(known)
    below = smooth_fill(_halved(images * known) / share.clamp(min=1e-6), (2 * share).clamp(max=1), sweeps=sweeps)
    guess = interpolate(below, size=images.shape[2:], mode="bilinear", align_corners=False)
    return _relaxed(known * images + (1 - known) * guess, images, known, sweeps)


def _halved(maps: Tensor) -> Tensor:
    return avg_pool2d(maps, 2, ceil_mode=True, count_include_pad=False)


def _relaxed(fill: Images, images: Images, known: Weights, sweeps: int) -> Images:
    """Jacobi's iteration: each unknown pixel becomes the mean of its neighbours."""
    channels = fill.shape[1]
    kernel = torch.tensor(NEIGHBOURS).to(fill)
    kernel = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    for _ in range(sweeps):
        fill = known * images + (1 - known) * conv2d(pad(fill, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)
    return fill
