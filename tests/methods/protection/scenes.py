"""Small pictures, masks and inpainters that the tests of this folder share."""

import torch
from torch import nn
from torch.nn.functional import interpolate

from methods.protection.inpainter import Pasted

REGION = (slice(8, 14), slice(9, 15))


def pictures(n=2, side=24, seed=0, dtype=torch.float64):
    """Smooth ones, on levels of 8 bits."""
    coarse = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return (255 * interpolate(coarse, side, mode="bicubic").clamp(0, 1)).round() / 255


def masks_of(images, region=REGION):
    masks = torch.zeros_like(images[:, :1])
    masks[:, :, *region] = 1
    return masks


def generator(seed=0, dtype=torch.float64):
    """Three convolutions that halve and double once; what it fills depends on some ten pixels around."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(4, 8, 5, padding=2, stride=2), nn.SiLU(), nn.Conv2d(8, 8, 5, padding=2), nn.SiLU()]
        layers += [nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1), nn.Sigmoid()]
        network = nn.Sequential(*layers)
        with torch.no_grad():
            for each in network.parameters():
                each.mul_(2.5)  # so that noise of a few levels moves the fill
    return network.to(dtype)


def inpainter(seed=0, dtype=torch.float64):
    return Pasted(generator(seed, dtype))
