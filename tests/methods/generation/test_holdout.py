"""Held-out rows and the gap around them, on series whose autocorrelation time is known."""

import numpy as np
import pytest

from methods.errors import BadSetting
from methods.generation.holdout import FEWEST_ROWS, autocorrelation_time, hold_out


def series(phi, count, width=300):
    """AR(1): x_t = φ x_{t−1} + noise, from its stationary distribution; ρ(l) = φ^l, so τ = (1 + φ)/(1 − φ)."""
    rng = np.random.default_rng(0)
    rows = np.empty((count, width))
    rows[0] = rng.normal(size=width) / np.sqrt(1 - phi**2)
    for t in range(1, count):
        rows[t] = phi * rows[t - 1] + rng.normal(size=width)
    return rows.astype(np.float32)


def walk(count, width=20):
    return np.random.default_rng(1).normal(size=(count, width)).cumsum(0).astype(np.float32)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_autocorrelation_time_of_known_series(phi):
    assert autocorrelation_time(3 + 7 * series(phi, 1500)) == pytest.approx((1 + phi) / (1 - phi), rel=0.1)


def test_series_without_memory_or_variance_take_one_row():
    alternating = np.tile([[1.0], [-1.0]], (50, 4)).astype(np.float32)
    assert autocorrelation_time(alternating) == 1
    assert autocorrelation_time(np.ones((50, 4), np.float32)) == 1


@pytest.mark.parametrize("count", [10, 11, 17, 20, 40, 99, 200, 401])
@pytest.mark.parametrize("make", [lambda count: series(0.0, count), lambda count: series(0.7, count), walk])
def test_two_blocks_with_their_gaps(make, count):
    cut = hold_out(make(count))
    blocks = np.split(cut.held_out, np.flatnonzero(np.diff(cut.held_out) > 1) + 1)
    assert len(blocks) == 2
    assert len(blocks[0]) == len(blocks[1]) == max(1, round(0.05 * count))
    assert abs((blocks[0].mean() + 0.5) / count - 1 / 3) < 1 / count
    assert abs((blocks[1].mean() + 0.5) / count - 2 / 3) < 1 / count
    distance = np.abs(np.arange(count)[:, None] - cut.held_out).min(1)
    assert cut.train.tolist() == np.flatnonzero(distance > cut.gap).tolist()
    assert len(cut.train) >= count / 2
    assert cut.gap_limited == (cut.gap < cut.autocorrelation_time)
    assert cut.gap <= np.ceil(cut.autocorrelation_time)


def test_a_gap_that_fits_is_the_autocorrelation_time():
    cut = hold_out(series(0.8, 400))
    assert not cut.gap_limited
    assert 8 <= cut.gap <= 10  # 9, rounded up


def test_a_walk_has_no_gap_that_is_long_enough():
    cut = hold_out(walk(200))
    assert cut.gap_limited
    assert cut.gap == 20  # (200/2 − 2·10)/4: half of the rows stay


def test_too_few_rows():
    with pytest.raises(BadSetting, match="9 snapshots of a run are too few") as error:
        hold_out(walk(FEWEST_ROWS - 1))
    assert "at least 10" in error.value.remedy


def test_every_run_is_cut_for_itself():
    runs = [series(0.5, 40), 100 + series(0.5, 60)]
    cut = hold_out(np.concatenate(runs), ["a"] * 40 + ["b"] * 60)
    alone = [hold_out(run) for run in runs]
    np.testing.assert_array_equal(cut.held_out, np.concatenate([alone[0].held_out, 40 + alone[1].held_out]))
    np.testing.assert_array_equal(cut.train, np.concatenate([alone[0].train, 40 + alone[1].train]))
    # a jump between runs is no memory
    assert cut.autocorrelation_time == pytest.approx(np.mean([each.autocorrelation_time for each in alone]))
    assert cut.autocorrelation_time < 10 < hold_out(np.concatenate(runs)).autocorrelation_time
