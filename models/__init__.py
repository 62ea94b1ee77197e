"""Architectures, each beside the frozen configuration that names it.

A configuration is a value (`CifarResNet(depth=18, width=16)`); `build` turns it into a module with its normalisation
inside. Nothing here trains, reads or writes.
"""

import torch
from torch import nn

from models.cifar_resnet import CifarResNet
from models.conv_net import ConvNet
from models.invertible import InvertibleNetwork
from models.normalize import with_normalisation
from models.permutations import Groups
from models.torchvision_networks import TorchvisionNetwork

Network = CifarResNet | ConvNet | TorchvisionNetwork | InvertibleNetwork

__all__ = [
    "CifarResNet",
    "ConvNet",
    "Groups",
    "InvertibleNetwork",
    "Network",
    "TorchvisionNetwork",
    "build",
    "minimum_size",
    "misfit",
    "patch",
    "permutation_groups",
    "with_normalisation",
]


def minimum_size(network: Network) -> int:
    """Smallest height and width, in pixels, of an image that the network can take."""
    return network.minimum_size


def patch(network: Network) -> int | None:
    """Images must be squares with a multiple of so many pixels on a side; None: any rectangle will do."""
    return network.patch if isinstance(network, TorchvisionNetwork) else None


def misfit(network: Network, *, classes: int, shape: tuple[int, int, int]) -> str | None:
    """Why images of this shape, large enough and of whole patches, cannot be built for; None: they can."""
    return network.misfit(classes=classes, shape=shape) if isinstance(network, InvertibleNetwork) else None


def permutation_groups(network: Network, *, shape: tuple[int, int, int]) -> Groups:
    """Which hidden units can change places, and where they lie, in a network built for images of this `shape`."""
    return network.permutation_groups(shape=shape)


def build(
    network: Network,
    *,
    classes: int,
    shape: tuple[int, int, int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seed: int,
) -> nn.Module:
    """An initialised classifier: float images (n, *shape) in [0, 1] to logits (n, classes), in train mode, on the CPU.

    `shape` is (channels, height, width), at least `minimum_size` high and wide, a whole number of times `patch`, and
    without `misfit`; `mean` and `std` have one number per channel. The same arguments give the same parameters bit for
    bit, and no global random state changes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = network.module(classes=classes, shape=shape)
    if isinstance(network, TorchvisionNetwork) and shape[0] == 1:
        mean, std = mean * 3, std * 3
    return with_normalisation(module, mean, std)
