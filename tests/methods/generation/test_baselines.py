"""Baselines against the moments that they promise."""

import pytest
import torch

from methods.generation.baselines import BASELINES, Gaussian, Mean, Noise, Retrieve
from methods.generation.generator import Rows

SIZES = (300, 50)
N = 4000


def rows(k=5):
    """Two tensors of very different scale."""
    draw = torch.Generator().manual_seed(0)
    train = torch.cat([10 * torch.randn(k, 300, generator=draw), 1 + 0.1 * torch.randn(k, 50, generator=draw)], 1)
    accuracy = torch.tensor([0.5, 0.9, 0.7, 0.9, 0.1])[:k]
    return Rows(train=train, held_out=train[:1] + 1, sizes=SIZES, validation_accuracy=accuracy)


def fitted(generator, given):
    accuracy = lambda candidates: torch.ones(len(candidates))  # noqa: E731
    return generator.fit(given, accuracy=accuracy, seed=0, device=torch.device("cpu")).sampler


def test_gaussian_has_the_moments_of_the_rows():
    given = rows()
    samples = fitted(Gaussian(), given).sample(N, seed=1)
    mean, std = given.train.mean(0), given.train.std(0)
    # 350 coordinates: five standard errors of the mean and of the standard deviation
    assert ((samples.mean(0) - mean).abs() < 5 * std / N**0.5).all()
    assert ((samples.std(0) / std - 1).abs() < 5 / (2 * N) ** 0.5).all()
    pairs = torch.corrcoef(samples.T) - torch.eye(350)
    assert pairs.abs().max() < 6 / N**0.5  # 61,075 pairs


@pytest.mark.parametrize("relative", [0.001, 0.05, 0.15])
def test_noise_is_relative_to_the_std_within_each_tensor(relative):
    given = rows()
    samples = fitted(Noise(relative=relative), given).sample(N, seed=1)
    nearest = torch.cdist(samples, given.train, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    added = samples - given.train[nearest]
    for part, tensor in zip(added.split(SIZES, 1), given.train.split(SIZES, 1), strict=True):
        within = torch.stack([row.std(correction=0) for row in tensor]).mean()
        assert part.std().item() == pytest.approx(relative * within.item(), rel=0.01)
        assert abs(part.mean()) < 5 * part.std() / part.numel() ** 0.5
    shares = nearest.bincount(minlength=5) / N
    assert (shares - 0.2).abs().max() < 5 * (0.2 * 0.8 / N) ** 0.5  # every row equally often


def test_mean_is_exact():
    given = rows()
    expected = sum(given.train.double()) / 5
    samples = fitted(Mean(), given).sample(3, seed=1)
    assert torch.equal(samples, expected.float().expand(3, -1))


def test_retrieve_is_the_first_of_the_stored_rows_that_are_best_on_validation():
    given = rows()
    sampler = fitted(Retrieve(), given)
    assert torch.equal(sampler.sample(2, seed=1), given.train[1].expand(2, -1))
    sampler.sample(1, seed=1).zero_()
    given.train.zero_()
    assert sampler.sample(1, seed=1).abs().sum() > 0  # neither its samples nor the rows are its memory


def test_names_tell_the_baselines_apart():
    assert [baseline.name for baseline in BASELINES] == ["noise_0.05", "mean", "gaussian", "retrieve"]
    assert Noise(relative=0.001).name == "noise_0.001"
