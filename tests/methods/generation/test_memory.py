"""What training takes, of a denoiser whose every number can be counted."""

import torch
from torch import nn

from methods.generation.memory import training_memory


class TwoLayers(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.first, self.second = nn.Linear(d, 3), nn.Linear(3, d)

    def forward(self, x, t):
        return self.second(self.first(x).sigmoid())


def test_parameters_copies_and_what_one_step_keeps():
    told = training_memory(TwoLayers(10), torch.randn(8, 10))
    parameters = 10 * 3 + 3 + 3 * 10 + 10
    assert told["denoiser_parameters"] == parameters
    assert told["denoiser_state_bytes"] == 5 * 4 * parameters
    assert told["denoiser_step_bytes"] == 4 * (8 * 10 + 8 * 3)  # the input, and what the sigmoid returned


def test_it_grows_with_the_batch_and_the_length_and_leaves_no_gradient():
    small, denoiser = training_memory(TwoLayers(10), torch.randn(8, 10)), TwoLayers(20)
    large = training_memory(denoiser, torch.randn(16, 20))
    assert large["denoiser_step_bytes"] == 4 * (16 * 20 + 16 * 3) > small["denoiser_step_bytes"]
    assert all(value.grad is None for value in denoiser.parameters())
