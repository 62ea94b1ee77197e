"""The parameter autoencoder: any length, no companions, no global state."""

import pytest
import torch

from models.autoencoder import Conv1dAutoencoder, build_autoencoder


@pytest.mark.parametrize("length", [1, 5, 63, 64, 65, 1802])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_any_length_goes_in_and_comes_out(length, stride):
    autoencoder = build_autoencoder(Conv1dAutoencoder(channels=(3, 5), stride=stride, latent=7), length, seed=0)
    latents = autoencoder.encode(torch.randn(2, length))
    assert latents.shape == (2, 7)
    assert autoencoder.decode(latents).shape == (2, length)


@pytest.mark.parametrize("length", [61, 64])
def test_rows_do_not_depend_on_their_companions(length):
    autoencoder = build_autoencoder(Conv1dAutoencoder(), length, seed=0).double()
    rows = torch.randn(9, length, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert autoencoder.training  # and that in train mode, too
    latents = autoencoder.encode(rows)
    one_by_one = torch.cat([autoencoder.encode(row[None]) for row in rows])
    torch.testing.assert_close(latents, one_by_one, rtol=1e-12, atol=1e-12)
    decoded = torch.cat([autoencoder.decode(latent[None]) for latent in latents])
    torch.testing.assert_close(autoencoder.decode(latents), decoded, rtol=1e-12, atol=1e-12)
    assert (decoded[0] - decoded[1]).abs().max() > 1e-6


def test_every_coordinate_enters_and_leaves():
    """The last coordinates are cut out of padding: none of them may be lost there."""
    autoencoder = build_autoencoder(Conv1dAutoencoder(channels=(4, 4), latent=6), 37, seed=0)
    row = torch.randn(1, 37, requires_grad=True)
    latent = autoencoder.encode(row)
    (gradient,) = torch.autograd.grad(latent.square().sum(), row)
    assert (gradient != 0).all()
    jacobian = torch.autograd.functional.jacobian(autoencoder.decode, latent.detach())[0, :, 0]
    assert (jacobian.abs().amax(1) > 0).all()


def test_the_encoder_sees_the_scale_of_its_input():
    autoencoder = build_autoencoder(Conv1dAutoencoder(), 64, seed=0)
    row = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    assert autoencoder.encode(100 * row).norm() > 10 * autoencoder.encode(row).norm()


def test_the_seed_decides_and_no_global_state_moves():
    before = torch.get_rng_state()
    first, again, other = (build_autoencoder(Conv1dAutoencoder(), 64, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert not torch.equal(value, other.state_dict()[name])
