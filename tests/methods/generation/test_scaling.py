"""Maps to unit scale and back."""

import pytest
import torch

from methods.generation.scaling import RELATIVE_FLOOR, Standardise, Whiten


def rows(k=50, d=6):
    draw = torch.Generator().manual_seed(0)
    spread = torch.tensor([1e-2, 0.1, 1.0, 10.0, 3.0, 30.0])[:d]
    return 5 + spread * torch.randn(k, d, generator=draw)


def mixed(k=80, d=6):
    return rows(k, d) @ torch.randn(d, d, generator=torch.Generator().manual_seed(1))


def test_standardised_coordinates_have_mean_zero_and_unit_variance():
    scaled = Standardise.fit(rows())(rows())
    torch.testing.assert_close(scaled.mean(0), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(0), torch.ones(6), atol=1e-4, rtol=0)


def test_whitened_latents_have_the_unit_covariance():
    latents = mixed()
    torch.testing.assert_close(torch.cov(Whiten.fit(latents)(latents).T), torch.eye(6), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("kind", "data"), [(Standardise, rows()), (Whiten, mixed())], ids=["standardise", "whiten"])
def test_invert_inverts_also_rows_that_were_not_fitted(kind, data):
    scale = kind.fit(data)
    others = torch.cat([data, 100 * data, -data])
    torch.testing.assert_close(scale.invert(scale(others)), others, rtol=1e-4, atol=1e-4 * others.abs().max().item())
    loaded = kind(6)
    loaded.load_state_dict(scale.state_dict())
    assert torch.equal(loaded(others), scale(others))
    assert torch.equal(loaded.invert(others), scale.invert(others))


def test_a_constant_coordinate_keeps_its_value():
    data = rows()
    data[:, 1] = 0.7
    scale = Standardise.fit(data)
    assert torch.equal(scale(data)[:, 1], torch.zeros(50))
    # whatever of unit size is decoded there, it stays within the floor
    assert (scale.invert(torch.ones(1, 6))[0, 1] - 0.7).abs() <= 1.01 * RELATIVE_FLOOR * data.std(0).max()


def test_equal_rows_are_no_division_by_zero():
    data = torch.full((5, 3), 2.0)
    for kind in (Standardise, Whiten):
        scale = kind.fit(data)
        assert torch.equal(scale.invert(scale(data)), data)


def test_whitening_does_not_scale_up_what_lies_below_its_floor():
    draw = torch.Generator().manual_seed(0)
    latents = torch.tensor([10.0, 1.0, 0.01]) * torch.randn(2000, 3, generator=draw)
    spread = Whiten.fit(latents, floor=0.5)(latents).std(0).sort().values
    torch.testing.assert_close(spread, torch.tensor([0.01 / 0.5, 1.0, 1.0]), rtol=0.1, atol=0)
