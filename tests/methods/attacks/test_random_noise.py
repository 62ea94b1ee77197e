import pytest
import torch

from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure
from methods.attacks.random_noise import RandomNoise


class Threshold(torch.nn.Module):
    """Class 1 where the one pixel is above 0.55."""

    def forward(self, x):
        return torch.stack([0 * x.flatten(1).sum(1), x.flatten(1).sum(1) - 0.55], 1)


@pytest.mark.parametrize(("tries", "share"), [(1, 0.25), (2, 1 - 0.75 * 0.5), (3, 1 - 0.75**2 * 0.5)])
def test_success_is_as_likely_as_the_draws_make_it(tries, share):
    """A uniform draw from ±0.1 is above 0.05 once in four times, a sign once in two."""
    n = 4000
    x = torch.full((n, 1, 1, 1), 0.5, dtype=torch.float64)
    goal = Untargeted(torch.zeros(n, dtype=torch.int64))
    found = measure(RandomNoise(tries=tries), Threshold().eval(), x, goal, seeds=torch.arange(n))
    assert found.success.double().mean().item() == pytest.approx(share, abs=0.03)
    assert (found.forwards[~found.success] == tries + 1).all()
    assert (found.backwards == 0).all()
    assert found.linf.max() <= 0.1 + 1e-12
    if tries > 1:
        assert found.linf.max() == pytest.approx(0.1)
