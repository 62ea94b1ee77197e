"""The denoiser over sets of units: it follows their order, and each sample is on its own."""

import pytest
import torch

from models.unit_denoiser import UnitSet, build_unit_denoiser

SIZES = ((6, 2, 3), (4, 5, 2))
"""Units, numbers and statistics of two groups."""


@pytest.fixture(scope="module")
def denoiser():
    """As after some training: the last maps start at zero, and would hide everything before them."""
    built = build_unit_denoiser(UnitSet(width=16, registers=3, blocks=2), [(d, s) for _, d, s in SIZES], seed=0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in built.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=draw))
    return built


def given(n=3):
    draw = torch.Generator().manual_seed(2)
    x = [torch.randn(n, units, numbers, generator=draw) for units, numbers, _ in SIZES]
    shown = [torch.randn(n, units, statistics, generator=draw) for units, _, statistics in SIZES]
    return x, torch.randint(1, 1000, (n,), generator=draw), shown


def test_permuting_the_units_permutes_the_noise(denoiser):
    x, t, shown = given()
    orders = [torch.tensor([3, 0, 5, 1, 4, 2]), torch.tensor([1, 3, 0, 2])]
    plain = denoiser(x, t, shown)
    x, shown = ([each[:, order] for each, order in zip(part, orders, strict=True)] for part in (x, shown))
    moved = denoiser(x, t, shown)
    for each, other, order in zip(moved, plain, orders, strict=True):
        torch.testing.assert_close(each, other[:, order], rtol=1e-3, atol=1e-4)


def test_what_one_group_shows_reaches_the_other(denoiser):
    x, t, shown = given()
    before = denoiser(x, t, shown)[1]
    shown[0] = shown[0] + 1
    assert (denoiser(x, t, shown)[1] - before).abs().max() > 1e-3


def test_what_is_shown_belongs_to_the_sample(denoiser):
    x, t, shown = given()
    before = denoiser(x, t, shown)
    shown[1] = shown[1].clone()
    shown[1][2] += 1
    for each, other in zip(denoiser(x, t, shown), before, strict=True):
        torch.testing.assert_close(each[:2], other[:2], rtol=1e-4, atol=1e-5)
        assert (each[2] - other[2]).abs().max() > 1e-3


def test_untrained_it_predicts_nothing():
    built = build_unit_denoiser(UnitSet(width=16), [(d, s) for _, d, s in SIZES], seed=0)
    assert all(each.abs().max() == 0 for each in built(*given()))
