"""Denoising diffusion: the forward process, its training loss, and two samplers (Ho et al. 2020; Song et al. 2021).

Steps t run from 1 (almost clean) to T (almost pure noise); ᾱ_0 = 1. Neither sampler clamps: latents are not
pictures. `bounded` does, within what is known of the data.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.progress import OnStep, silent

Epsilon = Callable[[Float[Tensor, "n d"], Int[Tensor, " n"]], Float[Tensor, "n d"]]
"""ε_θ(x_t, t), the noise that a denoiser believes to see; `t` has one entry per sample."""


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule:
    """Linear β from `first` to `last` over T steps (Ho et al., §4)."""

    steps: int = 1000
    first: float = 1e-4
    last: float = 2e-2

    def alpha_bar(self, device: torch.device | str = "cpu") -> Float[Tensor, " T1"]:
        """ᾱ_t for t = 0..T, in float64: at T = 1000 a float32 product loses three digits. Do not change it."""
        return _alpha_bar(self, torch.device(device))


@functools.lru_cache(maxsize=16)
def _alpha_bar(schedule: Schedule, device: torch.device) -> Float[Tensor, " T1"]:
    """Kept, since every training step asks for it."""
    beta = torch.linspace(schedule.first, schedule.last, schedule.steps, dtype=torch.float64, device=device)
    return torch.cat([torch.ones(1, dtype=torch.float64, device=device), (1 - beta).cumprod(0)])


def loss(
    epsilon: Epsilon, x_0: Float[Tensor, "n d"], schedule: Schedule, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Algorithm 1 of Ho et al.: the mean squared error of the predicted noise, t uniform in 1..T for each sample."""
    t = torch.randint(1, schedule.steps + 1, x_0.shape[:1], generator=generator, device=x_0.device)
    noise = torch.randn(x_0.shape, generator=generator, device=x_0.device)
    alpha_bar = schedule.alpha_bar(x_0.device)[t, None].to(x_0.dtype)
    x_t = alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * noise
    return (epsilon(x_t, t) - noise).square().mean()


def bounded(epsilon: Epsilon, low: Float[Tensor, " d"], high: Float[Tensor, " d"], schedule: Schedule) -> Epsilon:
    """The noise for which the predicted x_0 lies within `low` and `high`, coordinate by coordinate.

    An exact denoiser's prediction, the mean of x_0 given x_t, lies within the range of the data. That of a network can
    leave it where it has seen few data, and the samplers then carry it on: single samples end far outside.
    """

    def within(x: Float[Tensor, "n d"], t: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        alpha_bar = schedule.alpha_bar(x.device)[t, None].to(x.dtype)
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        x_0 = ((x - noise * epsilon(x, t)) / signal).clamp(low, high)
        return (x - signal * x_0) / noise

    return within


@torch.no_grad()
def ddpm(
    epsilon: Epsilon,
    x: Float[Tensor, "n d"],
    schedule: Schedule,
    generator: torch.Generator,
    on_step: OnStep = silent,
) -> Float[Tensor, "n d"]:
    """Algorithm 2 of Ho et al. from x = x_T, with the posterior variance β̃_t: T calls of ε_θ."""
    alpha_bar = schedule.alpha_bar(x.device)
    for t in range(schedule.steps, 0, -1):
        now, before = alpha_bar[t], alpha_bar[t - 1]
        alpha = now / before
        eps = epsilon(x, torch.full(x.shape[:1], t, device=x.device))
        mean = (x - ((1 - alpha) / (1 - now).sqrt()).to(x.dtype) * eps) / alpha.sqrt().to(x.dtype)
        deviation = ((1 - before) / (1 - now) * (1 - alpha)).sqrt().to(x.dtype)
        x = mean + deviation * torch.randn(x.shape, generator=generator, device=x.device)
        on_step("sample", schedule.steps - t + 1, schedule.steps)
    return x


@torch.no_grad()
def ddim(
    epsilon: Epsilon,
    x: Float[Tensor, "n d"],
    schedule: Schedule,
    steps: int,
    eta: float,
    generator: torch.Generator,
    on_step: OnStep = silent,
) -> Float[Tensor, "n d"]:
    """Equations 12 and 16 of Song et al. from x = x_T over `steps` evenly spaced times.

    `eta` = 0 is deterministic in x; 1 adds as much noise as `ddpm` does (with steps = T the two are the same process).
    """
    alpha_bar = schedule.alpha_bar(x.device)
    times = torch.linspace(schedule.steps, 0, steps + 1, device=x.device).round().long()
    for i, (t, s) in enumerate(itertools.pairwise(times)):
        now, after = alpha_bar[t], alpha_bar[s]
        deviation = eta * ((1 - after) / (1 - now) * (1 - now / after)).sqrt()
        eps = epsilon(x, t.expand(x.shape[0]))
        x_0 = (x - (1 - now).sqrt().to(x.dtype) * eps) / now.sqrt().to(x.dtype)
        x = after.sqrt().to(x.dtype) * x_0 + (1 - after - deviation**2).clamp(min=0).sqrt().to(x.dtype) * eps
        if eta > 0:
            x = x + deviation.to(x.dtype) * torch.randn(x.shape, generator=generator, device=x.device)
        on_step("sample", i + 1, steps)
    return x
