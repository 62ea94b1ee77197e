import pytest
import torch
from scipy import stats

from methods.attacks import draws

DISTRIBUTIONS = {draws.uniform: "uniform", draws.normal: "norm"}


@pytest.mark.parametrize("draw", DISTRIBUTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_have_their_distribution_within_a_sample_and_across_samples(draw, dtype):
    within = draw(torch.tensor([5]), 1, shape=(20_000,), dtype=dtype)[0]
    across = draw(torch.arange(20_000), 1, shape=(), dtype=dtype)
    for values in (within, across):
        assert values.dtype == dtype
        assert values.isfinite().all()
        assert stats.kstest(values.double().numpy(), DISTRIBUTIONS[draw]).pvalue > 1e-3


def test_uniform_values_never_reach_one():
    values = draws.uniform(torch.arange(1000), shape=(1000,))
    assert values.min() >= 0
    assert values.max() < 1


@pytest.mark.parametrize("draw", DISTRIBUTIONS)
def test_samples_streams_and_positions_know_nothing_of_each_other(draw):
    n = 20_000
    neighbours = draw(torch.arange(n), 0, shape=(2,), dtype=torch.float64)
    columns = [
        neighbours[:, 0],
        neighbours[:, 1],
        neighbours[:, 0].roll(1),
        draw(torch.arange(n), 1, shape=(1,), dtype=torch.float64)[:, 0],
        draw(torch.arange(n), 0, 0, shape=(1,), dtype=torch.float64)[:, 0],
        draw(torch.arange(n), 0, 1, shape=(1,), dtype=torch.float64)[:, 0],
        draw(torch.arange(n), 1, 0, shape=(1,), dtype=torch.float64)[:, 0],
    ]
    correlation = torch.corrcoef(torch.stack(columns)) - torch.eye(len(columns), dtype=torch.float64)
    assert correlation.abs().max() < 5 / n**0.5


@pytest.mark.parametrize("draw", DISTRIBUTIONS)
def test_companions_and_order_change_nothing(draw):
    seeds = torch.tensor([3, 2**40, -7, 0, 11])
    whole = draw(seeds, 4, 2, shape=(2, 3))
    assert whole.shape == (5, 2, 3)
    order = torch.tensor([4, 0, 2])
    assert torch.equal(draw(seeds[order], 4, 2, shape=(2, 3)), whole[order])
    assert torch.equal(draw(seeds[1:2], 4, 2, shape=(2, 3)), whole[1:2])
