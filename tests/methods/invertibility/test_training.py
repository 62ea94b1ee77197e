"""The terms of independence cross-entropy against what they are by hand, and both trainings on a plain problem."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.distributions import MultivariateNormal
from torch.nn.functional import cross_entropy

from methods.defences.supervised import Defence
from methods.errors import BadData
from methods.invertibility.adversary import Adversary, mlp
from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.inverting import encode, inverse_errors
from methods.invertibility.likelihood import FactorisedNormal, bits_per_dimension, dequantise
from methods.invertibility.readout import Readout
from methods.invertibility.schedule import AdamaxSteps
from methods.invertibility.stability import Stability
from models import InvertibleNetwork, build
from tests.methods.invertibility.linear import Linear, orthogonal, pictures

SCHEDULE = AdamaxSteps(epochs=6, learning_rate=1e-2, batch_size=40)


def adversary(inputs=3, classes=4):
    torch.manual_seed(0)
    device = torch.device("cpu")
    return Adversary(inputs, classes, hidden=(8,), learning_rate=1e-2, device=device)


def draws():
    return torch.Generator().manual_seed(0)


def batch(n=40):
    return torch.randn(n, 3, generator=draws()), torch.arange(n) % 4


def test_the_three_penalties_are_what_they_are_by_hand():
    d, (z, y) = adversary(), batch()
    log_shares = d.network(z).log_softmax(1)
    own = log_shares[torch.arange(40), y]
    found = d.penalty(z, y, variant="max_ce_true", margin=50.0, draw=draws())
    torch.testing.assert_close(found, own.mean())
    bounded = d.penalty(1000 * z, y, variant="max_ce_true", margin=0.5, draw=draws())
    assert bounded >= -(math.log(4) + 0.5) - 1e-6
    order = torch.randperm(40, generator=draws())
    permuted = d.penalty(z, y, variant="min_ce_permuted", margin=0.0, draw=draws())
    torch.testing.assert_close(permuted, cross_entropy(d.network(z), y[order]))
    uniform = d.penalty(z, y, variant="min_kl_uniform", margin=0.0, draw=draws())
    quarter = torch.full_like(log_shares, math.log(0.25))
    torch.testing.assert_close(uniform, (0.25 * (quarter - log_shares)).sum(1).mean())
    for value in d.network.parameters():
        nn.init.zeros_(value)
    assert d.penalty(z, y, variant="min_kl_uniform", margin=0.0, draw=draws()).abs() < 1e-6


@pytest.mark.parametrize("variant", ["max_ce_true", "min_ce_permuted", "min_kl_uniform"])
def test_a_penalty_moves_the_nuisance_and_never_the_adversary(variant):
    d, (z, y) = adversary(), batch()
    z.requires_grad_()
    d.penalty(z, y, variant=variant, margin=5.0, draw=draws()).backward()
    assert z.grad.abs().max() > 0
    assert all(value.grad is None for value in d.network.parameters())


def test_the_adversary_learns_and_the_network_hears_nothing_of_it():
    d, (z, _) = adversary(), batch()
    y = 2 * (z[:, 0] > 0).long() + (z[:, 1] > 0).long()
    z.requires_grad_()
    before = cross_entropy(d.network(z), y).item()
    d.learn(z, y, steps=50)
    assert cross_entropy(d.network(z), y).item() < 0.7 * before
    assert z.grad is None


def test_layers_of_the_adversary_are_as_published():
    sizes = [tuple(value.shape) for value in mlp(3072 - 10, (512, 512), 10).parameters() if value.ndim == 2]
    assert sizes == [(512, 3062), (512, 512), (10, 512)]
    assert len(mlp(5, (), 3)) == 1


def test_the_likelihood_of_a_linear_network_is_the_gaussian_one():
    """x = A⁻¹z with z normal is normal, of covariance (AᵀA)⁻¹."""
    matrix = orthogonal() @ torch.diag(torch.tensor([0.5, 1, 2, 3, 1, 1])) @ orthogonal(5)
    network, prior, x = Linear(matrix), FactorisedNormal(6), pictures(5)
    z, log_det = network.encode(x)
    known = MultivariateNormal(torch.zeros(6), precision_matrix=matrix.T @ matrix).log_prob(x.flatten(1))
    torch.testing.assert_close(prior(z) + log_det, known, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        prior.mean += 0.3
        prior.log_std += 0.2
    expected = torch.distributions.Normal(0.3, math.exp(0.2)).log_prob(z).sum(1)
    torch.testing.assert_close(prior(z), expected, rtol=1e-4, atol=1e-4)


def test_uniform_noise_costs_eight_bits():
    """A density of 1 on [0, 1] is that of bytes drawn uniformly, which nothing compresses: log₂ 255, nearly 8."""
    found = bits_per_dimension(torch.zeros(2), torch.zeros(2), 64)
    torch.testing.assert_close(found, torch.full((2,), math.log2(255)))
    halved = bits_per_dimension(torch.zeros(2), torch.full((2,), 64 * math.log(2)), 64)
    torch.testing.assert_close(halved, found - 1)


def test_noise_on_training_images_has_the_spread_that_was_asked_for():
    images = torch.full((50, 1, 20, 20), 0.5)
    found = dequantise(images, draws(), noise=0.1) - dequantise(images, draws())
    assert found.mean().abs() < 5e-3
    assert 0.095 < found.std() < 0.105


def test_dequantised_images_keep_their_mean_and_their_bytes():
    images = torch.randint(0, 256, (4, 1, 50, 50), generator=draws()).float() / 255
    found = dequantise(images, draws())
    assert ((found - images).abs() <= 0.5 / 255 + 1e-6).all()
    assert ((found - images).mean() * 255).abs() < 0.02
    assert torch.equal((found * 255).round(), (images * 255).round())


def test_a_linear_map_stretches_by_its_singular_values():
    scale = Linear(3.0 * orthogonal()).eval()
    penalty = Stability(step=0.1)(scale, pictures(8), draws())
    torch.testing.assert_close(penalty, torch.tensor(3.0**2 + 3.0**-2), rtol=1e-2, atol=1e-2)


def test_the_learning_rate_falls_at_three_places():
    optimiser, moves = SCHEDULE.recipe([nn.Parameter(torch.zeros(1))], 1.0, 10)
    rates = []
    for _ in range(10):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        moves.step()
    assert isinstance(optimiser, torch.optim.Adamax)
    assert rates == pytest.approx([1, 1, 1, 0.2, 0.2, 0.2, 0.04, 0.04, 0.008, 0.008])


def bars(n=160):
    """Two classes: a bright upper or a bright lower half, with noise."""
    labels = torch.arange(n) % 2
    images = torch.randint(0, 80, (n, 1, 4, 4), generator=draws(), dtype=torch.uint8)
    images[labels == 0, :, :2] += 120
    images[labels == 1, :, 2:] += 120
    return images, labels


def network(seed):
    config = InvertibleNetwork(levels=1, steps=2, hidden=8)
    return build(config, classes=2, shape=(1, 4, 4), mean=(0.4,), std=(0.3,), seed=seed)


def train(training, seed=0):
    return training(network, *bars(), augment=lambda images, _: images, seed=seed).network


def nuisance_error(trained):
    images, labels = bars(480)
    z = encode(trained, images.float() / 255)[:, 2:]
    parts = [(z[start::3], labels[start::3]) for start in range(3)]
    readout = Readout(hidden=(16,), epochs=40, patience=8, learning_rate=1e-2)
    return readout(*parts, classes=2, seed=0).nuisance_error


def test_cross_entropy_classifies_and_stays_invertible():
    training = CrossEntropy(schedule=SCHEDULE, stability=Stability())
    assert isinstance(training, Defence)
    trained, (images, labels) = train(training), bars()
    assert not trained.training
    assert (trained(images.float() / 255).argmax(1) == labels).all()
    assert inverse_errors(trained, images.float() / 255).float64 < 1e-9
    # the nuisance keeps the class: 14 of 16 numbers have not been asked to lose it
    assert nuisance_error(trained) < 0.1


@pytest.mark.parametrize("variant", ["max_ce_true", "min_ce_permuted", "min_kl_uniform"])
def test_independence_cross_entropy_classifies_too(variant):
    training = IndependenceCrossEntropy(schedule=SCHEDULE, variant=variant, adversary=(16,), likelihood_over="nuisance")
    assert isinstance(training, Defence)
    trained, (images, labels) = train(training), bars()
    assert (trained(images.float() / 255).argmax(1) == labels).double().mean() > 0.95
    assert inverse_errors(trained, images.float() / 255).float64 < 1e-9


def test_the_seed_decides_every_parameter():
    training = IndependenceCrossEntropy(schedule=AdamaxSteps(epochs=1, batch_size=40), adversary=(16,))
    first, again, other = (train(training, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_a_margin_and_a_variant_have_bounds():
    adapter = TypeAdapter(IndependenceCrossEntropy)
    found = adapter.validate_python({"schedule": {"epochs": 3, "decay": 0.5}, "variant": "min_kl_uniform"})
    assert found.schedule.decay == 0.5
    for wrong in ({"variant": "max"}, {"margin": -1.0}, {"adversary": []}, {"wieght": 1.0}):
        with pytest.raises(ValidationError):
            adapter.validate_python({"schedule": {"epochs": 3}, **wrong})


def test_images_that_make_a_constant_channel_are_refused():
    """After normalisation by a spread far too large nothing is left of them."""

    def flat(seed):
        config = InvertibleNetwork(levels=1, steps=1, hidden=4)
        return build(config, classes=2, shape=(1, 4, 4), mean=(0.4,), std=(1e9,), seed=seed)

    images, labels = bars()
    with pytest.raises(BadData, match=r"levels\.0\.0\.norm is constant"):
        CrossEntropy(schedule=SCHEDULE)(flat, images, labels, augment=lambda images, _: images, seed=0)
