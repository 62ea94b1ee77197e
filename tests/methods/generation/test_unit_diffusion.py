"""Rows for a network never seen: the known answer of a linear Gaussian world, and any order of its units."""

from functools import partial

import pytest
import torch

from methods.errors import BadData
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.unit_diffusion import UnitDiffusion
from methods.generation.unit_sampler import centre
from methods.generation.unit_statistics import Shown
from models.unit_denoiser import UnitSet, build_unit_denoiser
from tests.methods.generation.unseen import GROUPS, OUTPUTS, rows, shown, truth, units

NEW = 77


def method(*, steps=250, eta=1.0, shrinkage=1e-9):
    return UnitDiffusion(
        build_denoiser=partial(build_unit_denoiser, UnitSet(width=16, registers=2, blocks=1)),
        shrinkage=shrinkage,
        diffusion=Diffusion(times=100, beta_first=1e-3, beta_last=0.1, steps=steps, batch_size=32, learning_rate=1e-2),
        sampling=Sampling(steps=20, eta=eta),
    )


def fitted(chosen, networks=6):
    seen = [shown(seed) for seed in range(networks)]
    return chosen.fit(units(), [rows(each, seed) for seed, each in enumerate(seen)], seen, seed=0)[0]


@pytest.fixture(scope="module")
def sampler():
    return fitted(method())


def test_the_mean_row_of_a_network_never_seen_is_found(sampler):
    expected, true = sampler.expected(shown(NEW)), truth(shown(NEW))
    # the mean of 60 rows is off by 0.2 / sqrt(60) = 0.026 a network, of which there are six
    assert (expected - true).abs().max() < 0.15
    assert (true - truth(shown(3))).abs().mean() > 0.5


def test_its_outputs_have_the_mean_of_other_networks(sampler):
    seen = shown(NEW)
    centred = centre(units(), sampler.expected(seen), seen)
    assert (centred[units().rest] - OUTPUTS).abs().max() < 0.15


def test_samples_vary_as_the_rows_of_one_network_do(sampler):
    samples = sampler.sample(400, shown(NEW), seed=1)
    moves = samples - samples.mean(0)
    common = moves.mean(1)
    assert common.std().item() == pytest.approx(0.2, rel=0.3)
    assert (moves - common[:, None]).std().item() == pytest.approx(0.1, rel=0.3)


def test_the_seed_decides_the_samples(sampler):
    first, again, other = (sampler.sample(3, shown(NEW), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_permuting_the_recipients_units_permutes_what_is_generated():
    quick, seen, where = fitted(method(steps=20, eta=0.0)), shown(NEW), units()
    draw = torch.Generator().manual_seed(5)
    orders = {name: torch.randperm(count, generator=draw) for name, (count, _) in GROUPS.items()}
    moved = Shown(
        {name: each[orders[name]] for name, each in seen.statistics.items()},
        {name: each[orders[name]] for name, each in seen.means.items()},
    )
    columns = torch.arange(35)
    for name, index in where.groups.items():
        columns[index] = index[orders[name]]
    noise = torch.randn(4, 35, generator=draw)
    plain = quick.from_noise(noise, seen, draw)
    as_rows = torch.empty_like(noise)
    as_rows[:, where.order] = noise
    permuted = quick.from_noise(as_rows[:, columns][:, where.order], moved, draw)
    torch.testing.assert_close(permuted, plain[:, columns], rtol=1e-3, atol=1e-4)
    assert (permuted - plain).abs().max() > 0.1


def test_a_stored_state_gives_the_same_samples(sampler):
    again = method().networks(units(), {name: numbers for name, (_, numbers) in GROUPS.items()})
    again.load_state_dict(sampler.state_dict())
    again.eval()
    # an averaged denoiser takes no gradients, and attention may take another path for one that does
    torch.testing.assert_close(
        again.sample(2, shown(NEW), seed=3), sampler.sample(2, shown(NEW), seed=3), rtol=1e-3, atol=1e-4
    )


def test_one_network_is_not_enough():
    with pytest.raises(BadData, match="1 networks"):
        fitted(method(), networks=1)
