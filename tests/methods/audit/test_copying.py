import math

import pytest
import torch
from scipy.stats import mannwhitneyu

from methods.audit.copying import distances, replica_rates, rescaled_distances, z_u
from methods.audit.geometry import products

WIDTH = 400


def draws(n, seed):
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD_OUT = draws(80, 0), draws(40, 1)


def about_the_mean(rows, factor):
    mean = TRAIN.mean(0)
    return mean + factor * (rows - mean)


def test_z_u_is_the_normal_form_of_mann_whitneys_statistic():
    left, right = draws(1, 3)[0, :30].abs(), 0.1 + draws(1, 4)[0, :20].abs()
    u = mannwhitneyu(left, right).statistic
    assert z_u(left, right) == pytest.approx((u - 300) / math.sqrt(600 * 51 / 12))


def test_equal_distances_count_half():
    assert z_u(torch.ones(4), torch.ones(6)) == 0


def test_independent_draws_are_as_far_as_unseen_rows():
    p = products(TRAIN, HELD_OUT, draws(100, 2))
    d_g, d_h = distances(p)
    assert abs(z_u(d_g, d_h)) < 3
    assert replica_rates(p)[1] == 0


def test_copies_are_replicas():
    p = products(TRAIN, HELD_OUT, TRAIN[:50])
    d_g, d_h = distances(p)
    assert d_g.max() < 1e-3
    assert z_u(d_g, d_h) < -8
    assert replica_rates(p) == (1, 1)


def test_a_memorising_sampler_is_found_through_its_noise():
    p = products(TRAIN, HELD_OUT, TRAIN[:60] + 0.2 * draws(60, 5))
    assert replica_rates(p)[1] == 1


def test_a_narrow_honest_sampler_copies_only_before_it_is_stretched():
    p = products(TRAIN, HELD_OUT, about_the_mean(draws(200, 6), 0.95))
    d_g, d_h = distances(p)
    stretched = rescaled_distances(p)
    assert z_u(d_g, d_h) < -3
    assert abs(z_u(stretched, d_h)) < 3
    assert replica_rates(p)[1] == 0


def test_stretching_is_what_it_says():
    narrow = about_the_mean(draws(50, 7), 0.5)
    p = products(TRAIN, HELD_OUT, narrow)
    centre = narrow.mean(0)
    variances = [(rows.double() / TRAIN.double().std(0)).var(0).sum() for rows in (narrow, TRAIN)]
    wide = centre + (narrow - centre) * (variances[1] / variances[0]).sqrt().float()
    expected, _ = distances(products(TRAIN, HELD_OUT, wide))
    torch.testing.assert_close(rescaled_distances(p), expected, rtol=1e-4, atol=1e-4)


def test_the_mean_is_near_everything_but_no_replica():
    p = products(TRAIN, HELD_OUT, TRAIN.mean(0, keepdim=True))
    assert replica_rates(p) == (1, 0)
    assert rescaled_distances(p) is None
