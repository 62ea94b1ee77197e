"""Fits that start at the principal components, and what rows held back decide of them."""

import dataclasses
from functools import partial

import pytest
import torch

from methods.generation.autoencoder_fit import fit_autoencoder, held_back, residual
from methods.generation.autoencoding import AutoencoderTraining
from methods.generation.components import latent_size, linear_autoencoder
from methods.generation.scaling import Standardise
from models.autoencoder import Conv1dAutoencoder, LinearAutoencoder, build_autoencoder

SMALL = Conv1dAutoencoder(channels=(4,), latent=3)
TRAINING = AutoencoderTraining(steps=40, check_every=10, patience=20)


def rows(k=60, d=50, rank=3, noise=0.0):
    draw = torch.Generator().manual_seed(0)
    values = torch.randn(k, rank, generator=draw) @ torch.randn(rank, d, generator=draw)
    values = values + noise * torch.randn(k, d, generator=draw)
    return Standardise.fit(values)(values)


def fit(config=SMALL, given=None, training=TRAINING, seed=0, runs=None):
    given = rows() if given is None else given
    autoencoder = build_autoencoder(config, given.shape[1], seed=seed)
    return autoencoder, fit_autoencoder(autoencoder, given, runs, training, seed=seed)


def test_the_components_are_those_of_the_singular_values():
    given = rows(noise=0.5)
    encoder, decoder = linear_autoencoder(given, 5)
    latents = given @ encoder.T
    torch.testing.assert_close(latents.T @ latents / (len(given) - 1), torch.eye(5), atol=1e-4, rtol=0)
    basis = torch.linalg.svd(given, full_matrices=False).Vh[:5]
    torch.testing.assert_close(latents @ decoder, given @ basis.T @ basis, atol=1e-4, rtol=0)


def test_components_that_rows_do_not_have_are_zero():
    encoder, decoder = linear_autoencoder(rows(rank=2), 4)
    assert encoder.abs().amax(1)[:2].min() > 0
    assert (encoder[2:] == 0).all()
    assert (decoder[2:] == 0).all()


@pytest.mark.parametrize(("k", "rank", "expected"), [(60, 3, 3), (60, 1, 1), (8, 7, 2), (1, 1, 1)])
def test_the_latent_holds_what_rows_vary_in_and_no_more_than_they_determine(k, rank, expected):
    draw = torch.Generator().manual_seed(1)
    axes = torch.linalg.qr(torch.randn(200, rank, generator=draw)).Q.T
    assert latent_size(torch.randn(k, rank, generator=draw) @ axes) == expected


def test_rows_of_low_rank_are_kept_from_the_start():
    autoencoder, found = fit()
    assert residual(autoencoder, rows()).square().mean() < 1e-3
    assert found.steps <= found.budget == 40
    assert found.held_back == 6
    assert list(found.curves) == ["autoencoder", "autoencoder held back"]


def test_what_is_unexplained_is_measured_on_rows_held_back():
    """With a component for every second row, the train rows seem explained; noise of variance near 1 is not."""
    given = rows(k=60, d=400, noise=10.0)
    autoencoder, found = fit(LinearAutoencoder(latent=30), given)
    seen = residual(autoencoder, given).square().mean()
    assert seen < 0.6
    assert found.unexplained.square().mean() > 0.8


def test_the_fit_is_decided_by_its_seed_alone():
    def state(seed):
        torch.manual_seed(seed + 17)
        return fit(given=rows(noise=0.5), training=dataclasses.replace(TRAINING, patience=None), seed=seed)[0]

    first, again, other = map(partial(torch.nn.Module.state_dict), (state(1), state(1), state(2)))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_rows_held_back_are_apart_from_those_that_are_fitted():
    parts = held_back(rows(), None)
    assert min(abs(int(a) - int(b)) for a in parts.train for b in parts.held_out) > parts.gap


@pytest.mark.parametrize("runs", [None, torch.tensor([0] * 5 + [1] * 55)])
def test_too_few_rows_of_a_run_take_all_steps(runs):
    given = rows() if runs is not None else rows()[:9]
    found = fit(given=given, runs=runs)[1]
    assert (found.held_back, found.steps) == (0, found.budget)
