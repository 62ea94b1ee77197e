"""The denoiser: any length, every sample with its own time, no global state."""

import pytest
import torch

from models.denoiser import Conv1dUnet, build_denoiser, time_embedding

SMALL = Conv1dUnet(channels=(8, 16, 24), kernel=3)


def denoiser(length=12):
    """With a last layer as after some training: a fresh one answers zero to everything."""
    network = build_denoiser(SMALL, length, seed=0)
    torch.nn.init.normal_(network.last.weight, generator=torch.Generator().manual_seed(1))
    return network


def inputs(n=5, length=12):
    draw = torch.Generator().manual_seed(2)
    return torch.randn(n, length, generator=draw), torch.tensor([1, 40, 300, 999, 1000])[:n]


@pytest.mark.parametrize("length", [1, 2, 7, 8, 33])
@pytest.mark.parametrize("channels", [(8,), (8, 16), (8, 16, 24)])
def test_any_length_comes_out_as_it_went_in(length, channels):
    network = build_denoiser(Conv1dUnet(channels=channels, kernel=3), length, seed=0)
    assert network(torch.randn(2, length), torch.tensor([1, 7])).shape == (2, length)


def test_a_time_belongs_to_its_sample():
    network, (x, t) = denoiser(), inputs()
    before = network(x, t)
    for i in range(5):
        changed = t.clone()
        changed[i] += 200
        differs = ((network(x, changed) - before).abs() > 1e-4).any(1)
        assert differs.tolist() == [j == i for j in range(5)]


def test_samples_do_not_depend_on_their_companions():
    network, (x, t) = denoiser(), inputs()
    one_by_one = torch.cat([network(x[i : i + 1], t[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(network(x, t), one_by_one, rtol=1e-5, atol=1e-5)


def test_positions_have_a_meaning_of_their_own():
    """A plain convolution would answer a shifted latent with the shifted answer."""
    network, (x, t) = denoiser(), inputs(1)
    with torch.no_grad():
        network.position.mul_(50)
    assert (network(x.roll(4, 1), t) - network(x, t).roll(4, 1))[:, 5:-5].abs().max() > 1e-3


def test_time_embedding_tells_all_times_apart():
    embedded = time_embedding(torch.arange(1, 1001), 24)
    assert embedded.shape == (1000, 24)
    assert torch.pdist(embedded).min() > 1e-2
    torch.testing.assert_close(embedded[:, :12].square() + embedded[:, 12:].square(), torch.ones(1000, 12))


def test_the_seed_decides_and_no_global_state_moves():
    before = torch.get_rng_state()
    first, again, other = (build_denoiser(SMALL, 12, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    assert not torch.equal(first.position, other.position)
