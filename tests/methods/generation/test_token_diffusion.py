"""Diffusion token by token on rows whose distribution is known: a curve of two separate arcs, in many dimensions."""

import dataclasses
from functools import partial

import pytest
import torch

from methods.errors import GateFailed
from methods.generation.generator import Rows
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.token_diffusion import TokenDiffusion, TokenLimits
from models.token_denoiser import TokenSet, build_token_denoiser

CPU = torch.device("cpu")
SIZES = (40, 9, 21)


def rows():
    """x = z A, z normal about +2 or −2 on its first axis."""
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(220, 3, generator=draw) * torch.tensor([0.3, 1.0, 1.0])
    z[:, 0] += 2 - 4 * (torch.rand(220, generator=draw) < 0.5)
    values = 5 + z @ torch.linalg.qr(torch.randn(sum(SIZES), 3, generator=draw)).Q.T
    return Rows(values[:200], values[200:], SIZES, torch.ones(200))


def method(**changes):
    chosen = {
        "build_denoiser": partial(build_token_denoiser, TokenSet(width=32, registers=4, blocks=2)),
        "width": 8,
        "components": 3,
        "tokens": 6,
        "diffusion": Diffusion(times=100, beta_first=1e-3, beta_last=0.1, steps=600, learning_rate=1e-2),
        "sampling": Sampling(steps=30),
        "limits": TokenLimits(latent_scale=1e9),  # there is nothing outside the hull here, and no scale of it
    }
    return TokenDiffusion(**{**chosen, **changes})


QUICK = method(diffusion=Diffusion(steps=3, batch_size=4, times=20, beta_last=0.5), sampling=Sampling(steps=2))


def fit(chosen, given=None, seed=0, told=None, accuracy=lambda candidates: torch.ones(len(candidates))):
    listen = (lambda stage, done, total: None) if told is None else (lambda stage, done, total: told.append(stage))
    return chosen.fit(given or rows(), accuracy=accuracy, seed=seed, device=CPU, on_step=listen)


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_samples_lie_near_the_subspace_of_the_rows_and_have_both_modes():
    given, samples = rows(), fit(method()).sampler.sample(300, seed=1)
    centred = given.train - given.train.mean(0)
    basis = torch.linalg.svd(centred, full_matrices=False).Vh[:3]
    z = (samples - given.train.mean(0)) @ basis.T
    outside = ((samples - given.train.mean(0)) - z @ basis).square().sum() / z.square().sum()
    assert outside.sqrt() < 0.1
    first = z[:, 0].abs()
    assert 0.3 < (z[:, 0] > 0).float().mean() < 0.7
    assert ((first > 1) & (first < 3)).float().mean() > 0.8  # a normal of the same variance puts half of them there
    assert 0.8 < (z.var(0).sum() / centred.var(0).sum()).sqrt() < 1.2


@pytest.fixture(scope="module")
def fitted():
    return fit(QUICK)


def test_every_gate_is_reported(fitted):
    assert list(fitted.gates) == ["variance_kept", "reconstruction", "latent_noise", "latent_scale"]
    assert list(fitted.curves) == ["denoiser"]
    assert fitted.facts["tokens"] == 10


def test_a_restored_generator_draws_the_same_bits(fitted):
    restored = QUICK.restore(fitted.sampler.state(), rows(), device=CPU)
    assert torch.equal(restored.sample(4, seed=2), fitted.sampler.sample(4, seed=2))
    assert not torch.equal(restored.sample(4, seed=3), fitted.sampler.sample(4, seed=2))
    assert equal(restored.state(), fitted.sampler.state())


def test_the_seed_decides_the_fit_and_held_out_rows_do_not(fitted):
    given = rows()
    other = dataclasses.replace(given, held_out=given.held_out.flip(1) + 0.5)
    assert equal(fit(QUICK, other).sampler.state(), fitted.sampler.state())
    assert not equal(fit(QUICK, seed=1).sampler.state(), fitted.sampler.state())
    assert torch.equal(given.train, rows().train)


def test_encoding_and_decoding_are_inverse_in_the_hull(fitted):
    train = rows().train[:7]
    torch.testing.assert_close(fitted.sampler.reconstruct(train, None), train, rtol=1e-4, atol=1e-3)
    noisy = fitted.sampler.reconstruct(train, torch.Generator().manual_seed(0))
    assert 0.02 < (noisy - train).square().mean().sqrt() / (train - rows().train.mean(0)).square().mean().sqrt() < 0.5


def test_what_is_trained_does_not_grow_with_the_row(fitted):
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(20, 3, generator=draw) @ torch.randn(3, 4000, generator=draw)
    given = Rows(values[:16], values[16:], (2000, 1500, 500), torch.ones(16))
    large = fit(QUICK, given)
    assert large.facts["denoiser_parameters"] == fitted.facts["denoiser_parameters"]
    assert large.facts["tokens"] == 501
    stored = sum(value.numel() for name, value in large.sampler.state().items() if not name.startswith("denoiser"))
    assert stored == 16 * 3 + 3 + 501 * 3


def test_too_few_components_stop_the_fit_before_the_denoiser():
    told = []
    with pytest.raises(GateFailed, match="more components") as error:
        fit(method(components=1, limits=TokenLimits(variance_kept=0.95)), told=told)
    assert error.value.gate == "variance_kept"
    assert 0.3 < error.value.value < 0.95
    assert told == []


def test_accuracy_lost_in_reconstruction_stops_the_fit():
    held_out = rows().held_out

    def accuracy(candidates):
        return 1 - (candidates - held_out).square().mean(1).sqrt()

    with pytest.raises(GateFailed) as error:
        fit(method(components=1, limits=TokenLimits(variance_kept=0.0)), accuracy=accuracy)
    assert error.value.gate == "reconstruction"
