"""The average of a network's weights, by hand."""

import pytest
import torch
from torch import nn

from methods.diffusion.ema import Ema


def constant(value):
    network = nn.Linear(2, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def test_decay_warms_up_to_its_value():
    network = constant(0.0)
    ema = Ema(network, 0.3)
    expected = 0.0
    for update in range(1, 9):
        nn.init.constant_(network.weight, float(update))
        ema.update(network)
        decay = min(0.3, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
        assert ema.network.weight.tolist()[0] == pytest.approx([expected, expected], rel=1e-6)
    assert min(0.3, 2 / 11) < 0.3 == min(0.3, 9 / 18)  # both sides of the minimum were taken


def test_few_updates_forget_the_random_start():
    ema, network = Ema(constant(1000.0), 0.9999), constant(1.0)
    for _ in range(10):
        ema.update(network)
    # the start's share is the product of (1 + k)/(10 + k), that is 11!·10!/20!; at 0.9999 it would be 0.999
    assert ema.network.weight[0, 0].item() == pytest.approx(1 + 999 * 5.9537e-5, rel=1e-4)


def test_buffers_are_the_latest_and_not_averaged():
    network = nn.BatchNorm1d(2)
    ema = Ema(network, 0.9)
    network.train()(torch.tensor([[1.0, 5.0], [3.0, 9.0]]))
    ema.update(network)
    assert ema.network.num_batches_tracked == 1
    assert torch.equal(ema.network.running_mean, torch.tensor([0.2, 0.7]))


def test_the_average_is_a_network_of_its_own():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    ema = Ema(network, 0.9)
    before = {name: value.clone() for name, value in ema.network.state_dict().items()}
    with torch.no_grad():
        network[0].weight.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in ema.network.state_dict().items())
    assert not any(value.requires_grad for value in ema.network.parameters())
    assert not any(module.training for module in ema.network.modules())
    assert all(value.requires_grad for value in network.parameters())
    assert network.training
