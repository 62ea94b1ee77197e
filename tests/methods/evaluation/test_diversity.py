"""Diversity against the distances of all pairs, and where it is known."""

import math

import pytest
import torch

from methods.errors import BadData
from methods.evaluation.diversity import diversity


@pytest.mark.parametrize(("count", "size"), [(2, 1), (5, 3), (20, 7)])
def test_it_is_the_mean_over_all_pairs(count: int, size: int) -> None:
    rows = torch.randn(count, size, generator=torch.Generator().manual_seed(count)) + 1
    pairs = torch.pdist(rows.double()).square().mean()
    norms = rows.double().square().sum(1).mean()
    assert diversity(rows) == pytest.approx((pairs / norms).sqrt().item(), rel=1e-6)


def test_equal_rows_have_none_and_orthogonal_ones_as_much_as_random_directions() -> None:
    assert diversity(torch.ones(4, 3)) == 0.0
    assert diversity(torch.zeros(4, 3)) == 0.0
    assert diversity(torch.eye(5)) == pytest.approx(math.sqrt(2))


def test_it_has_no_unit() -> None:
    rows = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert diversity(1000 * rows) == pytest.approx(diversity(rows), rel=1e-5)


def test_one_row_has_no_distance() -> None:
    with pytest.raises(BadData, match="1 row has no distance"):
        diversity(torch.ones(1, 3))
