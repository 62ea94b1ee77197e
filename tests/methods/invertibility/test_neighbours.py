"""The adversary without parameters against what it is by hand."""

import math

import pytest
import torch

from methods.invertibility.neighbours import Neighbours, vote_share


def draws():
    return torch.Generator().manual_seed(0)


def test_votes_are_what_they_are_by_hand():
    z, y = torch.randn(7, 3, generator=draws(), dtype=torch.float64), torch.tensor([0, 1, 0, 1, 2, 2, 0])
    scaled = z / z.std(0)
    far = torch.tensor([[sum((scaled[i] - scaled[j]) ** 2) for j in range(7)] for i in range(7)])
    share = []
    for i in range(7):
        votes = {j: math.exp(-far[i, j] / (0.3 * far.mean())) for j in range(7) if j != i}
        share.append(sum(vote for j, vote in votes.items() if y[j] == y[i]) / sum(votes.values()))
    torch.testing.assert_close(vote_share(z, y, temperature=0.3), torch.tensor(share, dtype=torch.float64))


def test_units_of_a_coordinate_mean_nothing():
    z, y = torch.randn(20, 4, generator=draws()), torch.arange(20) % 3
    stretched = z * torch.tensor([1.0, 10.0, 0.1, 3.0])
    torch.testing.assert_close(vote_share(stretched, y, temperature=0.1), vote_share(z, y, temperature=0.1))


def test_clusters_are_read_and_equal_mixtures_are_not():
    y = torch.arange(40) % 4
    apart = torch.nn.functional.one_hot(y, 4) + 0.01 * torch.randn(40, 4, generator=draws())
    penalty = Neighbours(temperature=0.1)
    assert penalty(apart, y, classes=4) == pytest.approx(0.0, abs=1e-2)
    mixed = torch.randn(40, 4, generator=draws())
    assert penalty(mixed, y, classes=4) < -0.7
    assert penalty(mixed, y, classes=4) >= -math.log(4) - 1e-6
    assert Neighbours(margin=0.5)(mixed, y, classes=4) < penalty(mixed, y, classes=4)


def test_going_down_hides_the_class():
    """Ten steps along the gradient: what neighbours tell becomes less."""
    y = torch.arange(60) % 3
    z = (torch.nn.functional.one_hot(y, 3) + 0.3 * torch.randn(60, 3, generator=draws())).requires_grad_()
    before = vote_share(z, y, temperature=0.1).mean().item()
    optimiser = torch.optim.Adam([z], lr=0.05)
    for _ in range(10):
        optimiser.zero_grad()
        Neighbours()(z, y, classes=3).backward()
        optimiser.step()
    assert vote_share(z, y, temperature=0.1).mean().item() < before - 0.1


def test_equal_codes_give_finite_gradients():
    z = torch.zeros(6, 3, requires_grad=True)
    Neighbours()(z, torch.arange(6) % 2, classes=2).backward()
    assert z.grad.isfinite().all()
