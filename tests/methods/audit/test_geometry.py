import math

import pytest
import torch

from methods.audit import geometry


def draws(n, width, seed, scale=1.0):
    return scale * torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def z_scored(train, rows):
    return (rows.double() - train.double().mean(0)) / train.double().std(0)


def test_products_are_inner_products_of_z_scored_rows(monkeypatch):
    monkeypatch.setattr("methods.columns.COLUMNS", 7)
    scales = torch.linspace(0.1, 5, 40)
    train, held_out, generated = (3 + draws(n, 40, seed) * scales for seed, n in enumerate((20, 5, 9)))
    found = geometry.products(train, held_out, generated)
    t, h, g = (z_scored(train, rows) for rows in (train, held_out, generated))
    for name, expected in (("tt", t @ t.T), ("hh", h @ h.T), ("gg", g @ g.T), ("ht", h @ t.T), ("gt", g @ t.T)):
        torch.testing.assert_close(getattr(found, name), expected, rtol=1e-5, atol=1e-5)


def test_nearest_distances_are_those_of_cdist():
    train, held_out, generated = (draws(n, 50, seed) for seed, n in enumerate((30, 6, 8)))
    p = geometry.products(train, held_out, generated)
    expected = torch.cdist(z_scored(train, generated), z_scored(train, train)).amin(1)
    found = geometry.nearest(geometry.norms(p.gg), p.gt, geometry.norms(p.tt))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_dispersion_and_hugging_scale_with_the_spread(factor):
    train = draws(40, 60, 0)
    generated = train.mean(0) + factor * (train - train.mean(0))
    p = geometry.products(train, draws(4, 60, 1), generated)
    assert geometry.dispersion(p) == pytest.approx(factor, rel=1e-5)
    assert geometry.mean_hugging(p) == pytest.approx(factor, rel=1e-5)
    assert geometry.effective_rank_ratio(p) == pytest.approx(1, rel=1e-6)


def test_a_shift_changes_no_dispersion():
    train = draws(40, 60, 0)
    p = geometry.products(train, draws(4, 60, 1), train + 5)
    assert geometry.dispersion(p) == pytest.approx(1, rel=1e-5)
    assert geometry.mean_hugging(p) > 3


def test_the_effective_rank_of_equal_axes_is_their_number():
    axes = torch.eye(32)
    train = torch.cat([axes, -axes])  # 32 equal directions
    few = torch.cat([axes[:4], -axes[:4]]).repeat(8, 1)
    p = geometry.products(train, train[:2], few)
    assert geometry.effective_rank_ratio(p) == pytest.approx(4 / 32, rel=1e-6)


def test_a_single_model_has_no_spread():
    train = draws(10, 20, 0)
    p = geometry.products(train, train[:2], train.mean(0, keepdim=True))
    assert geometry.dispersion(p) == 0
    assert geometry.effective_rank_ratio(p) == 0
    assert geometry.mean_hugging(p) == pytest.approx(0, abs=1e-6)


def test_coordinates_that_never_vary_do_not_decide():
    train = torch.cat([draws(30, 20, 0), torch.ones(30, 3)], 1)
    generated = torch.cat([draws(30, 20, 1), torch.ones(30, 3)], 1)
    assert math.isfinite(geometry.dispersion(geometry.products(train, train[:3], generated)))
    assert geometry.dispersion(geometry.products(train, train[:3], generated)) == pytest.approx(1, abs=0.15)
