"""New random values for some parameters of a network that is trained already."""

import torch
from torch import nn

from methods import randomness
from methods.collection.phase import Reinitialise
from methods.layout import choose

KERNELS = {"kaiming_normal": nn.init.kaiming_normal_, "kaiming_uniform": nn.init.kaiming_uniform_}


@torch.no_grad()
def reinitialise(network: nn.Module, how: Reinitialise, *, seed: int) -> None:
    """In place; the same values on any device. Norm statistics stay. Raises `BadSetting` for an unknown name."""
    names = choose(network, how.names).names
    draw = randomness.generator(seed, "reinitialise")
    for name, value in network.named_parameters():
        if name not in names:
            continue
        fresh = torch.empty(value.shape)
        if value.ndim > 1:
            KERNELS[how.kernels](fresh, mode="fan_out", nonlinearity="relu", generator=draw)
        else:
            fresh.uniform_(-how.vectors, how.vectors, generator=draw)
        value.copy_(fresh)
