"""AdamW where a weight decay is given, and Adam, bit for bit as before, where none is."""

import pytest
import torch
from torch import nn

from methods.training.descent import adaptive, descend


def trained(weight_decay: float | None) -> torch.Tensor:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    descend(
        [parameter],
        lambda: (parameter - 3).square().sum(),
        stage="test",
        steps=20,
        learning_rate=0.1,
        recipe=adaptive(weight_decay),
    )
    return parameter.detach()


def test_without_a_decay_it_is_adam_along_a_cosine() -> None:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimiser = torch.optim.Adam([parameter], lr=0.1, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 20)
    for _ in range(20):
        optimiser.zero_grad()
        (parameter - 3).square().sum().backward()
        optimiser.step()
        schedule.step()
    assert torch.equal(trained(None), parameter.detach())


def test_the_decay_is_decoupled_from_the_gradient() -> None:
    optimiser, _ = adaptive(0.5)([parameter := nn.Parameter(torch.ones(1))], 0.1, 10)
    parameter.grad = torch.zeros(1)
    optimiser.step()
    assert parameter.item() == pytest.approx(1 - 0.1 * 0.5)  # Adam with an L2 term would move by the whole rate
    assert isinstance(optimiser, torch.optim.AdamW)


def test_no_decay_at_all_is_adam() -> None:
    assert torch.allclose(trained(0.0), trained(None))
    assert not torch.allclose(trained(0.5), trained(None))
