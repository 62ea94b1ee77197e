"""Training of the parameter autoencoder, and gates that open for what works and close for what cannot."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from methods.errors import Diverged, GateFailed
from methods.generation.autoencoding import (
    AutoencoderTraining,
    GateLimits,
    accuracy_gates,
    overfit_gate,
    spread,
    standard_error,
    train_autoencoder,
    variance_gate,
)
from models.autoencoder import Conv1dAutoencoder, build_autoencoder

SMALL = Conv1dAutoencoder(channels=(4, 8), latent=8)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Given(nn.Module):
    """An autoencoder of two plain functions, without linear maps."""

    def start(self, encoder, decoder):
        return False

    def __init__(self, encode, decode):
        super().__init__()
        self.encode, self.decode = encode, decode
        self.scale = nn.Parameter(torch.ones(()))


def low_rank(k=64, d=80, rank=3):
    return normal(k, rank, seed=1) @ normal(rank, d, seed=2) / rank**0.5


def test_spread_is_about_the_mean():
    latents = torch.tensor([[1.0, 10.0], [3.0, 10.0]])
    assert spread(latents).item() == pytest.approx(0.5**0.5)


def test_training_learns_rows_of_low_rank():
    autoencoder, rows = build_autoencoder(SMALL, 80, seed=0), low_rank()
    before = (autoencoder.decode(autoencoder.encode(rows)) - rows).square().mean()
    curve = train_autoencoder(autoencoder, rows, AutoencoderTraining(steps=300, learning_rate=5e-3), seed=0)
    after = (autoencoder.decode(autoencoder.encode(rows)) - rows).square().mean()
    assert after < 0.3 * before
    assert curve.x[-1] == 300
    assert curve.y[-1] < 0.3 * curve.y[0]


def test_the_seed_decides_the_training():
    def trained(seed):
        autoencoder = build_autoencoder(SMALL, 80, seed=0)
        train_autoencoder(autoencoder, low_rank(), AutoencoderTraining(steps=5), seed=seed)
        return autoencoder.encode(low_rank())

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_latent_noise_is_in_units_of_the_spread():
    """A decoder that returns what it is given sees noise of the stated share of its latents' spread."""
    rows = 50 * normal(4000, 10)
    identity = Given(lambda x: x * 1, lambda z: z)
    identity.decode = lambda z: z + 0 * identity.scale
    training = AutoencoderTraining(steps=1, batch_size=4000, input_noise=0.0, latent_noise=0.1)
    assert train_autoencoder(identity, rows, training, seed=0).y[0] == pytest.approx((0.1 * 50) ** 2, rel=0.05)


@pytest.mark.parametrize(
    ("rows", "training"),
    [
        (torch.full((8, 80), float("nan")), AutoencoderTraining(steps=50)),
        (normal(8, 80), AutoencoderTraining(steps=50, learning_rate=1e30)),
    ],
    ids=["damaged rows", "learning rate"],
)
def test_a_loss_that_is_no_number_stops_the_training(rows, training):
    with pytest.raises(Diverged, match="the loss of autoencoder") as error:
        train_autoencoder(build_autoencoder(SMALL, 80, seed=0), rows, training, seed=0)
    assert 1 <= error.value.step < 50


def test_the_default_autoencoder_learns_one_row_by_heart():
    autoencoder = build_autoencoder(Conv1dAutoencoder(), 300, seed=0)
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    gate = overfit_gate(autoencoder, normal(1, 300), GateLimits())
    assert gate.passed
    assert gate.value < gate.limit == 1e-3
    assert all(torch.equal(value, before[name]) for name, value in autoencoder.state_dict().items())


def test_an_autoencoder_that_cannot_reach_negative_numbers_fails():
    positive = nn.Linear(4, 20)
    given = Given(lambda x: x[:, :4], lambda z: positive(z).exp())
    given.positive = positive
    row = normal(1, 20)
    with pytest.raises(GateFailed, match="gate autoencoder_overfit failed") as error:
        overfit_gate(given, row, GateLimits(overfit_steps=30))
    assert (error.value.gate, error.value.limit) == ("autoencoder_overfit", 1e-3)
    assert error.value.value >= (row.clamp(max=0).square().mean() / row.square().mean()).item()


def test_a_row_that_is_no_number_fails():
    with pytest.raises(GateFailed) as error:
        overfit_gate(build_autoencoder(SMALL, 20, seed=0), torch.full((1, 20), float("nan")), GateLimits())
    assert math.isnan(error.value.value)


HELD_OUT = normal(200, 10, seed=5)


def nearness(rows):
    """An accuracy that is 1 for the held-out rows and falls by the root mean square of what was changed."""
    return 1 - (rows - HELD_OUT).square().mean(1).sqrt()


def gates(decode, latent_noise=0.0, margin=0.01, seed=0):
    autoencoder = Given(lambda x: x, decode)
    limits = GateLimits(accuracy_margin=margin)
    return accuracy_gates(autoencoder, HELD_OUT, nearness, latent_noise, limits, seed=seed)


def test_a_faithful_autoencoder_keeps_the_accuracy():
    passed = gates(lambda z: z + 0.005)
    assert list(passed) == ["reconstruction", "latent_noise"]
    assert passed["reconstruction"].passed
    assert passed["reconstruction"].value == pytest.approx(0.995, abs=1e-6)
    assert passed["reconstruction"].limit == pytest.approx(0.99, abs=1e-6)


def test_reconstruction_that_costs_accuracy_fails():
    with pytest.raises(GateFailed, match="gate reconstruction failed") as error:
        gates(lambda z: z + 0.02)
    found = {field.name: getattr(error.value, field.name) for field in dataclasses.fields(error.value)}
    assert found["gate"] == "reconstruction"
    assert found["value"] == pytest.approx(0.98, abs=1e-5)
    assert found["limit"] == pytest.approx(0.99, abs=1e-5)


def test_accuracy_that_does_not_survive_latent_noise_fails():
    assert gates(lambda z: z, latent_noise=0.1, margin=0.2)["latent_noise"].value == pytest.approx(0.9, abs=0.01)
    with pytest.raises(GateFailed) as error:
        gates(lambda z: z, latent_noise=0.3, margin=0.2)
    assert error.value.gate == "latent_noise"
    assert error.value.value == pytest.approx(0.7, abs=0.03)


def test_an_accuracy_that_is_no_number_fails():
    with pytest.raises(GateFailed):
        gates(lambda z: z * float("nan"))


def test_an_autoencoder_that_returns_the_mean_passes_on_accuracy_and_fails_on_variance():
    """Where the mean row is as accurate as any, accuracy sees nothing; its reconstruction keeps no variance."""
    mean = Given(lambda x: x, lambda z: torch.zeros_like(z))
    passed = accuracy_gates(mean, HELD_OUT, lambda rows: torch.ones(len(rows), 50), 0.1, GateLimits(), seed=0)
    assert all(gate.passed for gate in passed.values())
    with pytest.raises(GateFailed, match="gate variance_kept failed") as error:
        variance_gate(mean, HELD_OUT, GateLimits())
    assert error.value.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("factor", "kept"), [(1.0, 1.0), (0.5, 0.75), (0.1, 0.19)])
def test_the_share_of_variance_that_is_kept(factor, kept):
    gate = variance_gate(Given(lambda x: x, lambda z: factor * z), HELD_OUT, GateLimits())
    assert gate.value == pytest.approx(kept, abs=1e-5)


def test_the_standard_error_is_that_of_independent_rows_and_images():
    draw = torch.Generator().manual_seed(0)
    rows, images = 0.3 * torch.randn(400, 1, generator=draw), 0.2 * torch.randn(1, 900, generator=draw)
    assert standard_error(rows + images) == pytest.approx((0.3**2 / 400 + 0.2**2 / 900) ** 0.5, rel=0.1)
    assert standard_error(rows) == pytest.approx(0.3 / 20, rel=0.1)
    assert standard_error(torch.full((5, 7), 0.5)) == 0


def lossy(lost):
    """100 rows on 100 images, all right before; afterwards each row is wrong on the same `lost` images."""
    before, after = torch.ones(100, 100), torch.ones(100, 100)
    after[:, :lost] = 0
    given = iter((before, after, after))
    return lambda rows: next(given)


def test_a_loss_within_chance_passes_and_one_beyond_it_fails():
    """Lost on 3 images of 100, the standard error is 1.71 points; on 12, it is 3.27 points."""
    rows = normal(100, 10)
    identity = Given(lambda x: x, lambda z: z)
    gate = accuracy_gates(identity, rows, lossy(3), 0.0, GateLimits(), seed=0)["reconstruction"]
    assert gate.value == pytest.approx(0.97)
    assert gate.limit == pytest.approx(0.99 - 2 * (0.03 * 0.97 / 99) ** 0.5)
    for lost, limits in ((3, GateLimits(standard_errors=0.0)), (12, GateLimits())):
        with pytest.raises(GateFailed) as error:
            accuracy_gates(identity, rows, lossy(lost), 0.0, limits, seed=0)
        assert error.value.gate == "reconstruction"
        assert error.value.value < error.value.limit


def test_a_linear_path_learns_any_row_by_heart():
    for seed in range(5):
        autoencoder = build_autoencoder(Conv1dAutoencoder(latent=8), 300, seed=seed)
        assert overfit_gate(autoencoder, 3 * normal(1, 300, seed=seed), GateLimits()).passed


def test_the_budget_scales_with_the_rows_up_to_the_steps():
    training = AutoencoderTraining(steps=600, passes=100, batch_size=32)
    assert [training.budget(rows) for rows in (1, 32, 140, 1000)] == [4, 100, 438, 600]
    assert dataclasses.replace(training, passes=None).budget(1) == 600
