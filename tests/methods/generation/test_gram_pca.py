"""Principal components by the Gram matrix, against the singular value decomposition and the geometry of the rows."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch

from methods.errors import BadData
from methods.generation.generator import Rows
from methods.generation.gram_pca import GramPca, components
from methods.generation.latent_ddpm import Diffusion, Sampling
from models.denoiser import Conv1dUnet, build_denoiser

CPU = torch.device("cpu")
K, D = 12, 500
GAUSSIAN = GramPca(build_denoiser=partial(build_denoiser, Conv1dUnet(channels=(16, 32))))
DIFFUSION = dataclasses.replace(
    GAUSSIAN,
    codes="diffusion",
    diffusion=Diffusion(times=100, beta_first=1e-3, beta_last=0.1, steps=600, learning_rate=3e-3),
    sampling=Sampling(steps=20),
)


@pytest.fixture(autouse=True)
def _several_blocks(monkeypatch):
    monkeypatch.setattr("methods.columns.COLUMNS", 128)


def rows(k=K):
    """About a mean far from zero, with coordinates of very different spread."""
    draw = torch.Generator().manual_seed(0)
    train = 3 + torch.randn(k, D, generator=draw) * torch.logspace(-3, 1, D)
    return Rows(train, train[:1] + 1, (D,), torch.ones(k))


def fit(chosen, given=None):
    accuracy = lambda candidates: torch.ones(len(candidates))  # noqa: E731
    return chosen.fit(given or rows(), accuracy=accuracy, seed=0, device=CPU)


def outside(samples, train):
    """Distance of each sample from the affine hull of the rows, relative to the spread of the rows; in float64."""
    mean = train.double().mean(0)
    _, values, directions = torch.linalg.svd(train.double() - mean, full_matrices=False)
    directions = directions[values > 1e-6 * values[0]]
    away = samples.double() - mean
    return (away - away @ directions.T @ directions).norm(dim=1) / values[0]


def test_codes_give_back_their_rows():
    sampler = fit(GAUSSIAN).sampler
    train = rows().train
    # float32 codes: seven digits of the spread of a row, and of its numbers
    assert (sampler.decode(sampler.train_codes) - train).abs().max() < 1e-6 * train.abs().max()


def test_distances_between_codes_are_distances_between_rows():
    train = rows().train
    axes, std = components(train, CPU)
    coordinates = axes * std * (K - 1) ** 0.5
    torch.testing.assert_close(torch.cdist(coordinates, coordinates), torch.cdist(train.double(), train.double()))


def test_components_are_those_of_the_singular_value_decomposition():
    train = rows().train.double()
    axes, std = components(train.float(), CPU)
    left, values, _ = torch.linalg.svd(train - train.mean(0), full_matrices=False)
    assert axes.shape == (K, K - 1)
    torch.testing.assert_close(std, values[:-1] / (K - 1) ** 0.5, rtol=1e-6, atol=0)
    torch.testing.assert_close(axes * (axes * left[:, :-1]).sum(0).sign(), left[:, :-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("chosen", [GAUSSIAN, DIFFUSION], ids=lambda each: each.codes)
def test_samples_lie_in_the_affine_hull_of_the_rows(chosen):
    samples = fit(chosen).sampler.sample(20, seed=1)
    assert samples.shape == (20, D)
    assert len(samples.unique(dim=0)) == 20
    assert outside(samples, rows().train).max() < 1e-6
    assert outside(rows().train.flip(1)[:2], rows().train).min() > 1e-2  # the measure can tell


def test_gaussian_samples_have_the_mean_and_the_covariance_of_the_rows():
    n = 20_000
    train, samples = rows().train.double(), fit(GAUSSIAN).sampler.sample(n, seed=1).double()
    axes = torch.linalg.svd(train - train.mean(0), full_matrices=False)[2][:-1]
    std = (train @ axes.T).std(0)
    drawn = (samples - train.mean(0)) @ axes.T / std
    assert (drawn.mean(0).abs() < 5 / n**0.5).all()
    assert (torch.cov(drawn.T) - torch.eye(K - 1)).abs().max() < 6 / n**0.5


def test_a_diffusion_on_codes_learns_their_distribution():
    given = rows(60)
    samples = fit(DIFFUSION, given).sampler.sample(200, seed=1)
    assert 0.8 < (samples.var(0).sum() / given.train.var(0).sum()).sqrt() < 1.2


def test_repeated_rows_take_no_component_of_their_own():
    given = rows()
    given.train[5:] = given.train[4]
    fitted = fit(GAUSSIAN, given)
    assert fitted.facts["components"] == fitted.sampler.axes.shape[1] == 4
    sampler = fitted.sampler
    assert (sampler.decode(sampler.train_codes) - given.train).abs().max() < 1e-6 * given.train.abs().max()
    assert outside(sampler.sample(9, seed=1), given.train).max() < 1e-6


def test_rows_on_a_line_have_one_component():
    given = rows()
    given.train[:] = torch.arange(K)[:, None] * given.train[0].sign() + 3
    assert fit(GAUSSIAN, given).facts == {"components": 1, "first_component_share": 1.0}


def test_rows_that_are_all_the_same_are_refused():
    given = rows()
    given.train[:] = given.train[0].clone()
    with pytest.raises(BadData, match="all 12 train rows are the same"):
        fit(GAUSSIAN, given)


@pytest.mark.parametrize("chosen", [GAUSSIAN, DIFFUSION], ids=lambda each: each.codes)
def test_the_state_is_small_and_with_the_rows_all_that_a_copy_needs(chosen):
    sampler = fit(chosen).sampler
    state = {name: value.clone() for name, value in sampler.state().items()}
    restored = chosen.restore(state, rows(), device=CPU)
    assert torch.equal(restored.sample(5, seed=3), sampler.sample(5, seed=3))
    assert not any(D in value.shape for value in state.values())
    assert restored.state().keys() == state.keys()


def test_rows_mapped_from_a_file_give_the_same(tmp_path):
    given = rows()
    mapping = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(K, D))
    mapping[:] = given.train.numpy()
    there = dataclasses.replace(given, train=torch.from_numpy(mapping))
    assert torch.equal(fit(GAUSSIAN, there).sampler.sample(4, seed=1), fit(GAUSSIAN, given).sampler.sample(4, seed=1))
