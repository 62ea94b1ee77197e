"""Parameter autoencoders of every kind: any length, no companions, no global state."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from models.autoencoder import (
    Autoencoder,
    Conv1dAutoencoder,
    Conv2dAutoencoder,
    LinearAutoencoder,
    NoAutoencoder,
    build_autoencoder,
)

LATENT = 7
LEARNED = [
    *(Conv1dAutoencoder(channels=(3, 5), stride=stride, latent=LATENT) for stride in (2, 3, 4)),
    *(Conv2dAutoencoder(channels=(3, 5), stride=stride, latent=LATENT) for stride in (2, 3)),
    Conv1dAutoencoder(channels=(3, 5), stride=3, latent=LATENT, straight=False),
    LinearAutoencoder(latent=LATENT),
]
ALL = [*LEARNED, NoAutoencoder()]


@pytest.mark.parametrize("length", [1, 5, 63, 64, 65, 1802])
@pytest.mark.parametrize("config", ALL, ids=str)
def test_any_length_goes_in_and_comes_out(config, length):
    autoencoder = build_autoencoder(config, length, seed=0)
    latents = autoencoder.encode(torch.randn(2, length))
    assert autoencoder.latent == (length if config.kind == "none" else LATENT)
    assert latents.shape == (2, autoencoder.latent)
    assert autoencoder.decode(latents).shape == (2, length)


@pytest.mark.parametrize("length", [61, 64])
@pytest.mark.parametrize("config", ALL, ids=str)
def test_rows_do_not_depend_on_their_companions(config, length):
    autoencoder = build_autoencoder(config, length, seed=0).double()
    rows = torch.randn(9, length, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert autoencoder.training  # and that in train mode, too
    latents = autoencoder.encode(rows)
    one_by_one = torch.cat([autoencoder.encode(row[None]) for row in rows])
    torch.testing.assert_close(latents, one_by_one, rtol=1e-12, atol=1e-12)
    decoded = torch.cat([autoencoder.decode(latent[None]) for latent in latents])
    torch.testing.assert_close(autoencoder.decode(latents), decoded, rtol=1e-12, atol=1e-12)
    assert (decoded[0] - decoded[1]).abs().max() > 1e-6


@pytest.mark.parametrize("config", ALL, ids=str)
def test_every_coordinate_enters_and_leaves(config):
    """The last coordinates are cut out of padding: none of them may be lost there."""
    autoencoder = build_autoencoder(config, 37, seed=0)
    row = torch.randn(1, 37, generator=torch.Generator().manual_seed(2), requires_grad=True)
    latent = autoencoder.encode(row)
    (gradient,) = torch.autograd.grad(latent.square().sum(), row)
    assert (gradient != 0).all()
    jacobian = torch.autograd.functional.jacobian(autoencoder.decode, latent.detach())[0, :, 0]
    assert (jacobian.abs().amax(1) > 0).all()


@pytest.mark.parametrize("config", ALL, ids=str)
def test_the_encoder_sees_the_scale_of_its_input(config):
    autoencoder = build_autoencoder(config, 64, seed=0)
    row = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    assert autoencoder.encode(1e4 * row).norm() > 100 * autoencoder.encode(row).norm()


@pytest.mark.parametrize("config", LEARNED, ids=str)
def test_the_seed_decides_and_no_global_state_moves(config):
    before = torch.get_rng_state()
    first, again, other = (build_autoencoder(config, 64, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert not torch.equal(value, other.state_dict()[name])


def test_an_image_s_neighbours_are_a_line_apart():
    """A number in the middle of the row reaches, through one 2-D convolution, what is near it in the folded image."""
    autoencoder = build_autoencoder(Conv2dAutoencoder(channels=(1,), stride=2, latent=3), 15 * 16 + 9, seed=0)
    fold, convolution = autoencoder.encoder[0], autoencoder.encoder[1]
    row = torch.zeros(1, 256)
    row[0, 7 * 16 + 6] = 1.0
    image = fold(row)
    assert image.shape == (1, 1, 16, 16)
    reached = (convolution(image) - convolution(fold(torch.zeros(1, 256))))[0, 0].nonzero()
    assert {tuple(place) for place in reached.tolist()} == {(3, 2), (3, 3), (4, 2), (4, 3)}


def test_the_linear_one_is_linear_and_none_is_the_identity():
    rows = torch.randn(3, 20, generator=torch.Generator().manual_seed(3))
    linear = build_autoencoder(LinearAutoencoder(latent=4), 20, seed=0)
    assert sum(value.numel() for value in linear.parameters()) == 20 * 4 + 4 + 4 * 20 + 20
    between = linear.decode(linear.encode(0.25 * rows[:1] + 0.75 * rows[1:2]))
    ends = linear.decode(linear.encode(rows))
    torch.testing.assert_close(between, 0.25 * ends[:1] + 0.75 * ends[1:2])
    none = build_autoencoder(NoAutoencoder(), 20, seed=0)
    assert not list(none.parameters())
    assert torch.equal(none.encode(rows), rows)
    assert torch.equal(none.decode(rows), rows)


@pytest.mark.parametrize("config", LEARNED, ids=str)
def test_started_networks_are_the_given_linear_maps_and_can_be_trained(config):
    draw = torch.Generator().manual_seed(4)
    encoder, decoder = torch.randn(2, LATENT, 37, generator=draw)
    autoencoder = build_autoencoder(config, 37, seed=0)
    started = autoencoder.start(encoder, decoder)
    assert started == getattr(config, "straight", True)
    if not started:
        return
    rows = torch.randn(4, 37, generator=draw)
    latents = autoencoder.encode(rows)
    torch.testing.assert_close(latents, rows @ encoder.T)
    torch.testing.assert_close(autoencoder.decode(latents), latents @ decoder)
    before = {name: value.clone() for name, value in autoencoder.named_parameters()}
    optimiser = torch.optim.SGD(autoencoder.parameters(), lr=1e-3)
    for _ in range(3):  # what lies behind a layer of zeros learns once that layer has moved
        optimiser.zero_grad()
        (autoencoder.decode(autoencoder.encode(rows)) - rows).square().mean().backward()
        optimiser.step()
    assert not any(torch.equal(value, before[name]) for name, value in autoencoder.named_parameters())


@pytest.mark.parametrize("config", [Conv1dAutoencoder(latent="auto"), LinearAutoencoder(latent="auto")], ids=str)
def test_a_latent_left_open_takes_the_length_that_is_given(config):
    assert build_autoencoder(config, 40, seed=0, latent=5).latent == 5
    with pytest.raises(ValueError, match="auto"):
        build_autoencoder(config, 40, seed=0)


def test_kinds_are_told_apart_by_their_tag():
    adapter = TypeAdapter(Autoencoder)
    for config in ALL:
        assert adapter.validate_python(adapter.dump_python(config)) == config
    for wrong in ({"kind": "conv3d"}, {"kind": "none", "latent": 3}, {"kind": "linear", "channels": [4]}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
