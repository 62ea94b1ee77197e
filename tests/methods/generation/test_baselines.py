"""Baselines against the moments that they promise."""

import dataclasses

import pytest
import torch

from methods.generation.baselines import AverageOf, Interpolate, Mean, MeanOfRun, Retrieve
from methods.generation.generator import Rows
from methods.generation.noise import Gaussian, Noise, match_noise

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
    torch.testing.assert_close(samples, expected.float().expand(3, -1), rtol=1e-6, atol=1e-7)


def test_retrieve_is_the_first_of_the_stored_rows_that_are_best_on_validation():
    given = rows()
    sampler = fitted(Retrieve(), given)
    assert torch.equal(sampler.sample(2, seed=1), given.train[1].expand(2, -1))
    sampler.sample(1, seed=1).zero_()
    assert torch.equal(sampler.sample(1, seed=1), given.train[1:2])


def shares_of(samples, train):
    """The weights of the train rows in each sample: these rows are linearly independent."""
    return torch.linalg.lstsq(train.double().T, samples.double().T).solution.T


def test_averages_are_of_so_many_different_rows():
    train = torch.randn(40, 350, generator=torch.Generator().manual_seed(1))
    given = Rows(train, train[:1], SIZES, torch.zeros(40))
    shares = shares_of(fitted(AverageOf(16), given).sample(200, seed=1), train)
    chosen = shares > 0.01
    assert (chosen.sum(1) == 16).all()
    assert (shares[chosen] - 1 / 16).abs().max() < 1e-4
    often = chosen.double().mean(0)
    assert (often - 0.4).abs().max() < 5 * (0.4 * 0.6 / 200) ** 0.5


def test_the_mean_of_a_run_knows_which_rows_belong_together():
    given = dataclasses.replace(rows(), runs=torch.tensor([0, 0, 1, 1, 1]))
    samples = fitted(MeanOfRun(), given).sample(100, seed=1)
    expected = torch.stack([given.train[:2].mean(0), given.train[2:].mean(0)])
    nearest = torch.cdist(samples, expected).argmin(1)
    torch.testing.assert_close(samples, expected[nearest], rtol=1e-5, atol=1e-5)
    assert nearest.sum() == 50


def test_fewer_rows_are_averaged_by_halves():
    given = rows()
    shares = shares_of(fitted(AverageOf(16), given).sample(50, seed=1), given.train)
    assert ((shares > 0.01).sum(1) == 3).all()


def test_interpolations_lie_between_two_rows():
    given = rows()
    shares = shares_of(fitted(Interpolate(), given).sample(N, seed=1), given.train)
    assert (shares.abs() > 1e-5).sum(1).max() <= 2
    assert shares.min() > -1e-5
    assert (shares.sum(1) - 1).abs().max() < 1e-5
    larger = shares.amax(1)
    assert larger.mean().item() == pytest.approx(0.75, abs=0.01)  # uniform between the two


def test_matched_noise_is_as_novel_as_wanted():
    given = rows()

    def novelty(samples):
        """Mean distance from the nearest row: grows in proportion to the noise."""
        return torch.cdist(samples, given.train).amin(1).mean().item()

    wanted = novelty(fitted(Noise(0.07), given).sample(48, seed=9))
    found = match_noise(given, novelty, wanted, models=48, seed=9)
    assert found.facts["relative"] == pytest.approx(0.07, rel=0.02)
    assert novelty(found.sampler.sample(N, seed=2)) == pytest.approx(wanted, rel=0.03)


def test_names_tell_the_baselines_apart():
    assert Noise(relative=0.001).name == "noise_0.001"
    assert AverageOf(16).name == "average_of_16"


def test_whole_networks_go_by_blocks_of_columns(monkeypatch):
    given = rows()
    generators = (Mean(), AverageOf(2), Interpolate(), Gaussian(), Retrieve())
    whole = [fitted(generator, given).sample(3, seed=1) for generator in generators]
    monkeypatch.setattr("methods.columns.COLUMNS", 33)
    for generator, expected in zip(generators, whole, strict=True):
        torch.testing.assert_close(fitted(generator, given).sample(3, seed=1), expected)
