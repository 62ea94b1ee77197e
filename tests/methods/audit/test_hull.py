import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from methods.audit.hull import hull_residual, project_to_simplex


def residual(train, rows):
    train, rows = train.double(), rows.double()
    return hull_residual(train @ train.T, rows @ train.T, rows.square().sum(1))


def draws(n, width, seed):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_points_inside_the_hull_have_none():
    train = draws(12, 30, 0)
    weights = torch.rand(7, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert residual(train, weights / weights.sum(1, keepdim=True) @ train).max() < 0.01


def test_copies_have_none_and_far_points_all():
    train = draws(12, 30, 0)
    assert residual(train, train[:3]).tolist() == [0, 0, 0]
    far = residual(train, 1e6 * draws(3, 30, 2))
    assert (far > 0.999).all()


def test_a_square_in_the_plane():
    train = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    # the hull's nearest point to (2, 0.5) is (1, 0.5), the nearest corner (1, 0) or (1, 1)
    assert residual(train, torch.tensor([[2, 0.5]])).item() == pytest.approx(1 / 1.25**0.5, abs=0.01)


def test_it_agrees_with_non_negative_least_squares():
    train, rows = draws(25, 15, 3), 1.5 * draws(6, 15, 4)
    found = residual(train, rows)
    heavy = 1e4  # a heavy extra equation makes the weights sum to 1
    matrix = torch.cat([train.T, heavy * torch.ones(1, 25)]).numpy()
    for row, value in zip(rows, found, strict=True):
        weights, _ = nnls(matrix, torch.cat([row, torch.tensor([heavy]).double()]).numpy())
        best = (row - torch.from_numpy(weights) @ train).norm() / torch.cdist(row[None], train).min()
        assert value.item() == pytest.approx(best.item(), abs=0.01)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_projection_reaches_the_simplex_and_leaves_it_alone(n, k, seed):
    projected = project_to_simplex(3 * draws(n, k, seed))
    assert (projected >= 0).all()
    torch.testing.assert_close(projected.sum(1), torch.ones(n, dtype=torch.float64))
    torch.testing.assert_close(project_to_simplex(projected), projected)
