import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog

from methods.attacks.balls import BALLS


def size(delta, norm):
    return delta.flatten(1).norm(p={"linf": torch.inf, "l2": 2, "l1": 1}[norm], dim=1)


def cornered(n, shape, draw):
    """Images with many pixels at exactly 0 and 1."""
    return (3 * torch.rand(n, *shape, generator=draw, dtype=torch.float64) - 1).clamp(0, 1)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), epsilon=st.floats(0.01, 6.0), scale=st.floats(0.01, 3.0))
def test_l1_projection_is_the_nearest_point_of_ball_and_box(seed, epsilon, scale):
    """p is nearest to z exactly if no point q of the set has (z − p)·(q − p) > 0; the largest is a linear program."""
    draw = torch.Generator().manual_seed(seed)
    x = cornered(1, (1, 2, 4), draw)
    z = x + scale * torch.randn(1, 1, 2, 4, generator=draw, dtype=torch.float64)
    p = BALLS["l1"].project(z, x, epsilon)
    assert size(p - x, "l1").item() <= epsilon + 1e-9
    assert ((p >= 0) & (p <= 1)).all()
    origin, pull = x.flatten().numpy(), (z - p).flatten().numpy()
    rooms = [(0, room) for room in np.concatenate([1 - origin, origin])]
    best = linprog(np.concatenate([-pull, pull]), A_ub=np.ones((1, 16)), b_ub=[epsilon], bounds=rooms)
    assert pull @ (p - x).flatten().numpy() >= -best.fun - 1e-8


@pytest.mark.parametrize("norm", BALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projections_end_inside_and_leave_what_is_inside(norm, dtype):
    draw = torch.Generator().manual_seed(0)
    x = cornered(50, (2, 3, 3), draw).to(dtype)
    z = x + torch.randn(50, 2, 3, 3, generator=draw, dtype=torch.float64).to(dtype)
    p = BALLS[norm].project(z, x, 0.3)
    assert (size(p - x, norm) <= 0.3 * (1 + 1e-6)).all()
    assert ((p >= 0) & (p <= 1)).all()
    assert p.dtype == dtype
    again = BALLS[norm].project(p, x, 0.30001)
    assert (again - p).abs().max() < 1e-6
    assert torch.equal(BALLS[norm].project(x, x, 0.3), x)


@pytest.mark.parametrize("norm", BALLS)
def test_random_points_lie_inside_and_fill_the_ball(norm):
    n, shape = 3000, (1, 2, 3)
    draw = torch.Generator().manual_seed(1)
    x = cornered(n, shape, draw)
    z = BALLS[norm].random(torch.arange(n), 0, x, 0.3)
    assert (size(z - x, norm) <= 0.3 + 1e-12).all()
    assert ((z >= 0) & (z <= 1)).all()
    free = torch.full_like(x, 0.5)
    delta = BALLS[norm].random(torch.arange(n), 0, free, 0.3) - free
    # the volume within a radius grows with its sixth power, for any norm
    assert stats.kstest((size(delta, norm) / 0.3).numpy() ** 6, "uniform").pvalue > 1e-3
    assert delta.mean(0).abs().max() < 0.02
    assert not torch.equal(delta, BALLS[norm].random(torch.arange(n), 1, free, 0.3) - free)


@pytest.mark.parametrize("norm", BALLS)
def test_a_random_point_is_the_samples_own(norm):
    x = cornered(9, (1, 3, 3), torch.Generator().manual_seed(2))
    order = torch.tensor([7, 2, 5])
    whole = BALLS[norm].random(torch.arange(9), 3, x, 0.2)
    assert torch.equal(BALLS[norm].random(order, 3, x[order], 0.2), whole[order])


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2), ("l1", torch.inf)])
def test_the_steepest_step_has_norm_one_and_nothing_falls_faster(norm, dual):
    slope = torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = BALLS[norm].steepest(slope, torch.full_like(slope, 0.5))
    assert torch.allclose(size(step, norm), torch.ones(20, dtype=torch.float64))
    assert torch.allclose(-(step * slope).flatten(1).sum(1), slope.flatten(1).norm(p=dual, dim=1))


@pytest.mark.parametrize("norm", BALLS)
def test_no_slope_gives_no_step(norm):
    nowhere = torch.zeros(2, 1, 3, 3)
    assert torch.equal(BALLS[norm].steepest(nowhere, nowhere + 0.5).abs(), nowhere)


def test_the_l1_step_takes_the_largest_slopes_that_the_box_leaves_room_for():
    slope = torch.arange(1.0, 401.0).view(1, 1, 20, 20)
    z = torch.full_like(slope, 0.5)
    z.view(-1)[-2:] = 0.0  # the steepest two cannot fall any further
    step = BALLS["l1"].steepest(slope, z).flatten()
    assert torch.equal(step.nonzero()[:, 0], torch.arange(394, 398))
    assert torch.equal(step[394:398], torch.full((4,), -0.25))
