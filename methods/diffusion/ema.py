"""An exponential moving average of a network's weights that is not dominated by its random start."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Decay min(decay, (1 + k)/(10 + k)) at update k: early on the average is short, so that few steps suffice."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages: list[Tensor] = list(self.network.parameters())
        values: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(value)
