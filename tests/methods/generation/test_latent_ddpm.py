"""Parameter diffusion on rows whose distribution is known: normal, of rank 3, about a mean far from zero."""

import dataclasses
from functools import partial

import pytest
import torch

from methods.errors import BadData, GateFailed
from methods.generation.autoencoding import AutoencoderTraining, GateLimits
from methods.generation.generator import Rows
from methods.generation.latent_ddpm import Diffusion, LatentDdpm, Sampling, scale_gate
from models.autoencoder import (
    Conv1dAutoencoder,
    LinearAutoencoder,
    NoAutoencoder,
    build_autoencoder,
)
from models.denoiser import Conv1dUnet, build_denoiser

CPU = torch.device("cpu")
D, RANK = 60, 3


def rows():
    draw = torch.Generator().manual_seed(0)
    directions = torch.randn(RANK, D, generator=draw)
    values = 5 + torch.randn(220, RANK, generator=draw) @ directions
    return Rows(values[:200], values[200:], (D,), torch.ones(200))


def method(**changes):
    chosen = {
        "build_autoencoder": partial(build_autoencoder, Conv1dAutoencoder(channels=(4, 8), latent=4)),
        "build_denoiser": partial(build_denoiser, Conv1dUnet(channels=(16, 32))),
        "autoencoding": AutoencoderTraining(steps=400, learning_rate=5e-3),
        "diffusion": Diffusion(times=100, beta_first=1e-3, beta_last=0.1, steps=600, learning_rate=3e-3),
        "limits": GateLimits(overfit_mse=1e-2),  # so small an autoencoder would need more steps for less
    }
    return LatentDdpm(**{**chosen, **changes})


QUICK = method(
    autoencoding=AutoencoderTraining(steps=10),
    diffusion=Diffusion(steps=10, batch_size=8, times=20, beta_last=0.5),
    sampling=Sampling(steps=4),
    limits=GateLimits(overfit_mse=10.0, variance_kept=-1e9, latent_scale=100.0),
)


def fit(chosen, given=None, seed=0, told=None):
    return chosen.fit(
        given or rows(),
        accuracy=lambda candidates: torch.ones(len(candidates)),
        seed=seed,
        device=CPU,
        on_step=lambda stage, done, total: told.append(stage) if told is not None else None,
    )


@pytest.fixture(scope="module")
def fitted():
    return method(), fit(method())


def test_samples_have_the_mean_and_the_dispersion_of_the_rows(fitted):
    train, samples = rows().train, fitted[1].sampler.sample(400, seed=1)
    assert samples.shape == (400, D)
    dispersion = (samples.var(0).sum() / train.var(0).sum()).sqrt()
    assert 0.8 < dispersion < 1.2  # neither collapsed nor noise
    distance = (samples.mean(0) - train.mean(0)).square().sum() / train.var(0).sum()
    assert distance.sqrt() < 0.25
    values = torch.linalg.eigvalsh(torch.cov(samples.T)).flip(0)
    assert values[:RANK].sum() / values.sum() > 0.9  # and their rank


@pytest.mark.parametrize("encoder", [LinearAutoencoder(latent=8), NoAutoencoder()], ids=lambda encoder: encoder.kind)
def test_with_a_linear_encoder_or_none_samples_have_the_moments_of_independent_coordinates(encoder):
    values = 5 + torch.arange(1, 9) * torch.randn(220, 8, generator=torch.Generator().manual_seed(0))
    given = Rows(values[:200], values[200:], (8,), torch.ones(200))
    chosen = method(
        build_autoencoder=partial(build_autoencoder, encoder),
        autoencoding=AutoencoderTraining(steps=200, learning_rate=1e-2, latent_noise=0.01),
        diffusion=Diffusion(times=50, beta_first=2e-3, beta_last=0.2, steps=300, learning_rate=3e-3, ema=0.98),
        sampling=Sampling(steps=25),
    )
    samples = fit(chosen, given).sampler.sample(400, seed=1)
    assert (samples.mean(0) - given.train.mean(0)).div(given.train.std(0)).square().mean().sqrt() < 0.25
    assert 0.8 < samples.std(0).div(given.train.std(0)).mean() < 1.2


def test_without_an_encoder_nothing_is_trained_before_the_denoiser_and_memory_grows_with_the_row():
    told = []
    with_one = fit(QUICK)
    without = fit(dataclasses.replace(QUICK, build_autoencoder=partial(build_autoencoder, NoAutoencoder())), told=told)
    assert list(without.gates) == ["latent_scale"]
    assert list(without.curves) == ["denoiser"]
    assert set(told) == {"denoiser"}
    whitening = {name: value for name, value in without.sampler.state().items() if name.startswith("whiten.")}
    assert all(value.shape == (D,) for value in whitening.values())  # and no matrix
    assert (without.facts["latent"], with_one.facts["latent"]) == (D, 4)
    assert without.facts["autoencoder_parameters"] == 0 < with_one.facts["autoencoder_parameters"]
    for fact in ("denoiser_parameters", "denoiser_state_bytes", "denoiser_step_bytes"):
        assert without.facts[fact] > with_one.facts[fact]


def test_every_gate_and_curve_is_reported(fitted):
    fit_of = fitted[1]
    gates = ["autoencoder_overfit", "variance_kept", "reconstruction", "latent_noise", "latent_scale"]
    assert list(fit_of.gates) == gates
    assert all(gate.passed for gate in fit_of.gates.values())
    assert list(fit_of.curves) == ["autoencoder", "autoencoder held back", "denoiser"]
    assert fit_of.curves["denoiser"].y[-1] < 0.7 * fit_of.curves["denoiser"].y[0]


def test_a_restored_generator_draws_the_same_bits(fitted):
    chosen, fit_of = fitted
    restored = chosen.restore(fit_of.sampler.state(), rows(), device=CPU)
    assert torch.equal(restored.sample(6, seed=4), fit_of.sampler.sample(6, seed=4))
    assert not torch.equal(restored.sample(6, seed=5), fit_of.sampler.sample(6, seed=4))


def test_the_paper_s_sampler_draws_from_the_same_distribution(fitted):
    chosen, fit_of = fitted
    paper = dataclasses.replace(chosen, sampling=Sampling(kind="ddpm"))
    samples = paper.restore(fit_of.sampler.state(), rows(), device=CPU).sample(200, seed=1)
    train = rows().train
    assert 0.8 < (samples.var(0).sum() / train.var(0).sum()).sqrt() < 1.2


def test_the_seed_decides_the_fit():
    first, again, other = (fit(QUICK, seed=seed).sampler.state() for seed in (3, 3, 4))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["denoiser.first.weight"], other["denoiser.first.weight"])


def test_held_out_latents_of_another_scale_stop_the_fit_before_the_denoiser():
    given, told = rows(), []
    given.held_out[:] = given.train.mean(0) + 100 * (given.held_out - given.train.mean(0))
    with pytest.raises(GateFailed, match="over-fitted") as error:
        fit(method(diffusion=QUICK.diffusion), given, told=told)
    assert error.value.gate == "latent_scale"
    assert error.value.value > error.value.limit
    assert set(told) == {"autoencoder"}


@pytest.mark.parametrize(("scale", "passes"), [(0.2, False), (0.3, True), (1.0, True), (3.9, True), (4.1, False)])
def test_the_scale_may_be_off_by_the_limit_either_way(scale, passes):
    whitened = scale * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    if passes:
        assert scale_gate(whitened, GateLimits()).value == pytest.approx(scale)
    else:
        with pytest.raises(GateFailed):
            scale_gate(whitened, GateLimits())


def noisy_rows():
    """The low-dimensional rows plus independent noise that no latent can hold."""
    given = rows()
    draw = torch.Generator().manual_seed(5)
    train, held_out = (part + 0.7 * torch.randn(part.shape, generator=draw) for part in (given.train, given.held_out))
    return dataclasses.replace(given, train=train, held_out=held_out)


def test_decoder_noise_gives_back_what_the_autoencoder_leaves_out():
    plain, noisy = method(), method(decoder_noise=1.0)
    state = fit(plain, noisy_rows()).sampler.state()
    means = plain.restore(state, noisy_rows(), device=CPU).sample(400, seed=1)
    samples = noisy.restore(state, noisy_rows(), device=CPU).sample(400, seed=1)
    added = samples - means
    expected = state["unexplained"] * state["scale.std"]
    assert (added.std(0) / expected - 1).abs().mean() < 0.06
    assert added.mean(0).abs().max() < 5 * expected.max() / 20
    train = noisy_rows().train
    spread = [(each.var(0).sum() / train.var(0).sum()).sqrt().item() for each in (means, samples)]
    assert spread[0] < spread[1]
    assert abs(spread[1] - 1) < 0.15


@pytest.mark.parametrize("train", [rows().train[:1], torch.full((20, D), float("nan"))], ids=["one row", "not finite"])
def test_rows_without_a_variance_are_refused(train):
    with pytest.raises(BadData, match="no finite variance"):
        fit(QUICK, dataclasses.replace(rows(), train=train, validation_accuracy=torch.ones(len(train))))
