"""Samplers and loss against data whose best denoiser is known in closed form.

For x_0 ~ N(μ, σ²), coordinates independent, x_t is normal with mean √ᾱ μ and variance ᾱσ² + 1 − ᾱ, and
E[ε | x_t] = √(1−ᾱ) (x_t − √ᾱ μ) / (ᾱσ² + 1 − ᾱ). A sampler with this denoiser is a chain of affine maps plus noise, so
the mean and the variance of what it draws are known, too.
"""

import math

import pytest
import torch

from methods.diffusion.process import Schedule, ddim, ddpm, loss

MEAN = torch.tensor([0.0, 2.0, -1.0, 0.0], dtype=torch.float64)
STD = torch.tensor([1.0, 0.3, 0.05, 30.0], dtype=torch.float64)
SCHEDULE = Schedule()
N = 8000


def exact(mean=MEAN, std=STD, schedule=SCHEDULE):
    alpha_bar = schedule.alpha_bar()

    def epsilon(x, t):
        a = alpha_bar[t, None]
        return (1 - a).sqrt() * (x - a.sqrt() * mean) / (a * std**2 + 1 - a)

    return epsilon


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def start(n=N, d=len(MEAN)):
    return torch.randn(n, d, generator=seeded(99), dtype=torch.float64)


def ancestral_moments():
    """Mean and variance after Algorithm 2, from the β alone, one affine map at a time."""
    betas = [
        SCHEDULE.first + (SCHEDULE.last - SCHEDULE.first) * i / (SCHEDULE.steps - 1) for i in range(SCHEDULE.steps)
    ]
    products = [1.0]
    for beta in betas:
        products.append(products[-1] * (1 - beta))
    mean, variance = torch.zeros_like(MEAN), torch.ones_like(STD)
    for t in range(SCHEDULE.steps, 0, -1):
        beta, now, before = betas[t - 1], products[t], products[t - 1]
        # ε* = gain·(x − √ᾱ μ), and x ← (x − β/√(1−ᾱ) ε*)/√α + √β̃ z
        gain = math.sqrt(1 - now) / (now * STD**2 + 1 - now)
        slope = (1 - beta / math.sqrt(1 - now) * gain) / math.sqrt(1 - beta)
        shift = beta / math.sqrt(1 - now) * gain * math.sqrt(now) * MEAN / math.sqrt(1 - beta)
        mean, variance = slope * mean + shift, slope**2 * variance + beta * (1 - before) / (1 - now)
    return mean, variance


def assert_moments(x, mean, std):
    """Five standard errors of the mean, the variance and the correlation of independent normal numbers."""
    n = len(x)
    assert ((x.mean(0) - mean).abs() < 5 * std / n**0.5).all()
    assert ((x.var(0) / std**2 - 1).abs() < 5 * (2 / n) ** 0.5).all()
    correlation = torch.corrcoef(x.T) - torch.eye(x.shape[1])
    assert correlation.abs().max() < 5 / n**0.5


def test_alpha_bar_is_the_product():
    alpha_bar = Schedule(5, 0.1, 0.5).alpha_bar()
    assert alpha_bar.tolist() == pytest.approx([1, 0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7, 0.3024, 0.1512], rel=1e-14)
    logs = [math.log1p(-(1e-4 + (2e-2 - 1e-4) * i / 999)) for i in range(1000)]
    assert SCHEDULE.alpha_bar()[-1].item() == pytest.approx(math.exp(math.fsum(logs)), rel=1e-12)


def test_the_exact_chain_ends_at_the_data():
    """What the samples below are compared with is itself the data's distribution, up to the step size."""
    mean, variance = ancestral_moments()
    assert torch.allclose(mean, MEAN, rtol=2e-2, atol=2e-2)
    assert torch.allclose(variance.sqrt(), STD, rtol=8e-2)


def test_ddpm_draws_the_data():
    x = ddpm(exact(), start(), SCHEDULE, seeded())
    mean, variance = ancestral_moments()
    assert_moments(x, mean, variance.sqrt())


def test_ddim_with_all_steps_and_full_noise_is_ddpm():
    x = start(500)
    ancestral = ddpm(exact(), x, SCHEDULE, seeded(1))
    torch.testing.assert_close(
        ddim(exact(), x, SCHEDULE, SCHEDULE.steps, 1.0, seeded(1)), ancestral, rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_draws_the_data(eta):
    """The moderate coordinates, since a step of a coarse chain is the smaller the nearer σ is to 1."""
    mean, std = MEAN[:2], STD[:2]
    x = ddim(exact(mean, std), start(N, 2), SCHEDULE, 500, eta, seeded())
    assert torch.allclose(x.mean(0), mean, atol=0.05)
    assert torch.allclose(x.std(0), std, rtol=0.06)
    assert abs(torch.corrcoef(x.T)[0, 1]) < 5 / N**0.5


def test_ddim_without_noise_is_the_closed_form_map():
    """The flow between the normal distributions of times T and 0 is affine: every quantile stays a quantile."""
    x = torch.tensor([[-2.0], [0.0], [1.0], [3.0]], dtype=torch.float64)
    mean, std = MEAN[1:2], STD[1:2]
    last = SCHEDULE.alpha_bar()[-1]
    quantile = (x - last.sqrt() * mean) / (last * std**2 + 1 - last).sqrt()
    errors = []
    for steps in (100, 1000):
        mapped = ddim(exact(mean, std), x, SCHEDULE, steps, 0.0, seeded())
        assert torch.equal(mapped, ddim(exact(mean, std), x, SCHEDULE, steps, 0.0, seeded(1)))
        slope = (mapped[1:] - mapped[:-1]) / (x[1:] - x[:-1])
        torch.testing.assert_close(slope, slope[:1].expand_as(slope), rtol=1e-9, atol=0)
        errors.append((mapped - (mean + std * quantile)).abs().max().item())
    assert errors[1] < 0.01
    assert errors[1] < errors[0] / 5  # of first order in the step


def test_nothing_is_clamped():
    mean, std = MEAN[3:], STD[3:]
    for x in (
        ddpm(exact(mean, std), start(N, 1), SCHEDULE, seeded()),
        ddim(exact(mean, std), start(N, 1), SCHEDULE, 1000, 0.0, seeded()),
    ):
        assert abs(x.mean()) < 5 * 30 / N**0.5
        assert torch.allclose(x.std(0), std, rtol=0.05)
        assert x.abs().max() > 90  # among 8000 normal numbers some lie beyond three standard deviations


def test_the_loss_of_the_exact_denoiser_is_the_least():
    n = 200_000
    x_0 = MEAN + STD * torch.randn(n, len(MEAN), generator=seeded(3), dtype=torch.float64)
    a = SCHEDULE.alpha_bar()[1:, None]
    least = a * STD**2 / (a * STD**2 + 1 - a)  # Var[ε | x_t]
    error = 5 * (3 * least.square().mean() / n).sqrt()  # E[e⁴] = 3 Var²
    assert abs(loss(exact(), x_0, SCHEDULE, seeded(4)) - least.mean()) < error
    assert abs(loss(lambda x, t: 0 * x, x_0, SCHEDULE, seeded(4)) - 1) < 5 * (2 / n) ** 0.5
    # the least plus the mean square of what is wrong, a tenth of ε*, on the same draws
    more = loss(lambda x, t: 1.1 * exact()(x, t), x_0, SCHEDULE, seeded(4)) - loss(exact(), x_0, SCHEDULE, seeded(4))
    assert more.item() == pytest.approx(0.01 * (1 - least.mean().item()), abs=5e-4)


def test_times_run_from_one_to_T_and_samplers_end_at_one():
    seen = []

    def watch(x, t):
        seen.append(t)
        return torch.zeros_like(x)

    schedule = Schedule(10)
    loss(watch, torch.zeros(2000, 1), schedule, seeded())
    assert set(seen[0].tolist()) == set(range(1, 11))
    samplers = [
        (10, lambda on_step: ddpm(watch, torch.zeros(3, 1), schedule, seeded(), on_step)),
        (4, lambda on_step: ddim(watch, torch.zeros(3, 1), schedule, 4, 1.0, seeded(), on_step)),
    ]
    for steps, sampler in samplers:
        seen.clear()
        told = []
        sampler(lambda *step, told=told: told.append(step))
        assert all(t.shape == (3,) and t.unique().numel() == 1 for t in seen)
        times = [t[0].item() for t in seen]
        assert times[0] == 10
        assert times == sorted(times, reverse=True)
        assert min(times) >= 1
        assert told == [("sample", done, steps) for done in range(1, steps + 1)]
