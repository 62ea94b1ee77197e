"""Inverse errors that are known, and what cannot be inverted."""

import math

import pytest
import torch

from methods.errors import BadData, NotInvertible
from methods.invertibility.initialise import initialise
from methods.invertibility.inverting import Invertible, decode, encode, inverse_errors
from models.invertible.layers import ActNorm
from tests.methods.invertibility.linear import Linear, orthogonal, pictures


def test_an_ill_conditioned_map_is_as_wrong_as_its_condition_says():
    q = orthogonal()
    good, bad = Linear(q).eval(), Linear(q @ torch.diag(torch.tensor([1e5, 1.0, 1, 1, 1, 1e-5])) @ q.T).eval()
    assert isinstance(good, Invertible)
    found = inverse_errors(good, pictures(8))
    assert found.float32 < 1e-5
    assert found.float64 < 1e-12
    worse = inverse_errors(bad, pictures(8))
    assert worse.float32 > 1e-3
    assert 1e-12 < worse.float64 < 1e-3
    assert worse.float32 > 1e3 * worse.float64
    assert bad.matrix.dtype == torch.float32


class Overflowing(Linear):
    """Exact where numbers of 10^60 exist."""

    def decode(self, z):
        return super().decode((z * 1e30 * 1e30) / 1e30 / 1e30)


def test_float32_that_overflows_counts_as_infinite():
    found = inverse_errors(Overflowing(orthogonal()).eval(), pictures(4))
    assert math.isinf(found.float32)
    assert found.float64 < 1e-12


def test_codes_of_many_images_are_those_of_each_batch():
    network = Linear(orthogonal()).eval()
    torch.testing.assert_close(encode(network, pictures(7), batch=3), network.encode(pictures(7))[0].detach())


def test_no_inversion_in_train_mode_and_none_that_is_not_finite():
    network = Linear(orthogonal())
    with pytest.raises(NotInvertible, match="train mode"):
        decode(network, torch.zeros(2, 6))
    z = torch.zeros(3, 6)
    z[1, 2] = torch.inf
    with pytest.raises(NotInvertible, match="1 of 3 codes is not finite in float32"):
        decode(network.eval(), z)


def test_every_norm_is_fitted_to_what_reaches_it():
    mixing = torch.nn.Conv2d(2, 3, 1, bias=False)  # of zero means: some of every channel passes the ReLU
    torch.nn.init.normal_(mixing.weight, generator=torch.Generator().manual_seed(1))
    network = torch.nn.Sequential(ActNorm(2), mixing, torch.nn.ReLU(), ActNorm(3))
    images = torch.rand(32, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    initialise(network, images, floor=0.01)
    for place in (0, 3):
        seen = network[: place + 1](images)
        assert seen.mean((0, 2, 3)).abs().max() < 1e-4
        torch.testing.assert_close(seen.std((0, 2, 3), correction=0), torch.ones(seen.shape[1]), rtol=1e-3, atol=1e-3)
    before = network[0].shift.clone()
    network(2 * images)
    assert torch.equal(network[0].shift, before)


def test_a_constant_channel_is_named():
    images = torch.rand(32, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    images[:, 1] = 0.5
    with pytest.raises(BadData, match="channel 1 at 0 is constant over 32 images"):
        initialise(torch.nn.Sequential(ActNorm(2)), images, floor=0.05)
