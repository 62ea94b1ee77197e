"""Training the parameter autoencoder, and the gates that it must pass before anything is diffused.

Loss (arXiv 2402.13144, eq. 3-4): the mean squared error of the decoded row, with noise added to the input and to the
latent. The latent noise is measured in units of the latents' own spread, so that the encoder gains nothing by inflating
them.
"""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float
from torch import Tensor, nn

from methods import randomness
from methods.errors import GateFailed
from methods.generation.generator import Accuracy, Gate
from methods.generation.passing import collect_gate
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import adaptive, descend


@runtime_checkable
class Autoencoder(Protocol):
    """A module with the two directions."""

    def encode(self, rows: Float[Tensor, "n D"], /) -> Float[Tensor, "n d"]: ...
    def decode(self, latents: Float[Tensor, "n d"], /) -> Float[Tensor, "n D"]: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderTraining:
    """Adam with a cosine schedule; noise amplitudes in units of one standard deviation of what they are added to.

    weight_decay: decoupled, that is AdamW in place of Adam; null: Adam.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    steps: Annotated[int, Ge(1)] = 800
    batch_size: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 2e-3
    input_noise: Annotated[float, Ge(0)] = 1e-3
    latent_noise: Annotated[float, Ge(0)] = 0.1
    weight_decay: Annotated[float, Ge(0)] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """What the stages before diffusion must reach; accuracies are fractions."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    overfit_mse: Annotated[float, Gt(0)] = 1e-6
    overfit_steps: Annotated[int, Ge(1)] = 1000
    accuracy_margin: Annotated[float, Ge(0)] = 0.01
    latent_scale: Annotated[float, Gt(1)] = 4.0


def spread(latents: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Root mean square of the latents about their mean over the batch."""
    return (latents - latents.mean(0)).square().mean().sqrt()


def train_autoencoder(
    autoencoder: Autoencoder,
    rows: Float[Tensor, "k D"],
    training: AutoencoderTraining,
    *,
    seed: int,
    on_step: OnStep = silent,
) -> Curve:
    """Trains in place on standardised rows. Raises `Diverged`."""
    draw = randomness.generator(seed, "autoencoder", device=rows.device)

    def loss() -> Float[Tensor, ""]:
        batch = rows[torch.randint(len(rows), (training.batch_size,), generator=draw, device=rows.device)]
        noise = torch.randn(batch.shape, generator=draw, device=rows.device)
        latents = autoencoder.encode(batch + training.input_noise * noise)
        noise = torch.randn(latents.shape, generator=draw, device=rows.device)
        decoded = autoencoder.decode(latents + training.latent_noise * spread(latents.detach()) * noise)
        return (decoded - batch).square().mean()

    return descend(
        autoencoder.parameters(),
        loss,
        stage="autoencoder",
        steps=training.steps,
        learning_rate=training.learning_rate,
        recipe=adaptive(training.weight_decay),
        on_step=on_step,
    )


def pass_or_fail(name: str, gate: Gate, remedy: str) -> Gate:
    """The gate itself, if it is passed; otherwise raises `GateFailed`."""
    if gate.passed:
        collect_gate(name, gate)
        return gate
    problem = f"gate {name} failed: {gate.meaning} is {gate.value:.4g}, the limit {gate.limit:.4g}"
    raise GateFailed(
        problem=problem, remedy=remedy, gate=name, value=gate.value, limit=gate.limit, meaning=gate.meaning
    )


def overfit_gate(autoencoder: Autoencoder, row: Float[Tensor, "1 D"], limits: GateLimits) -> Gate:
    """(a) A fresh copy must be able to learn one row by heart; what cannot do that will not learn two hundred."""
    copied = copy.deepcopy(autoencoder)
    optimiser = torch.optim.Adam(copied.parameters(), lr=3e-3, fused=True)
    # the end of the schedule takes out the jitter that Adam keeps at a constant rate
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, limits.overfit_steps)
    error = float("inf")
    for _ in range(limits.overfit_steps):
        loss = (copied.decode(copied.encode(row)) - row).square().mean()
        error = loss.item()
        if not error >= limits.overfit_mse:
            break
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    meaning = "the squared error after learning one row by heart (standardised units)"
    gate = Gate(error, limits.overfit_mse, error < limits.overfit_mse, meaning)
    return pass_or_fail("autoencoder_overfit", gate, "give the autoencoder more channels or a larger latent")


@torch.no_grad()
def accuracy_gates(
    autoencoder: Autoencoder,
    held_out: Float[Tensor, "h D"],
    accuracy: Accuracy,
    latent_noise: float,
    limits: GateLimits,
    *,
    seed: int,
) -> dict[str, Gate]:
    """(b) Held-out rows keep their accuracy through encoder and decoder, and (c) also with noise on their latents.

    `accuracy` takes rows in the same standardised units.
    """
    latents = autoencoder.encode(held_out)
    draw = randomness.generator(seed, "latent noise gate", device=latents.device)
    noise = torch.randn(latents.shape, generator=draw, device=latents.device)
    before = accuracy(held_out).mean().item()
    limit = before - limits.accuracy_margin
    gates = {}
    for name, z, meaning in (
        ("reconstruction", latents, "validation accuracy of held-out rows after reconstruction"),
        ("latent_noise", latents + latent_noise * spread(latents) * noise, "the same with noise on the latents"),
    ):
        after = accuracy(autoencoder.decode(z)).mean().item()
        gate = Gate(after, limit, after >= limit, meaning)
        remedy = "train the autoencoder for more steps or give it a larger latent, or collect more rows"
        gates[name] = pass_or_fail(name, gate, remedy)
    return gates
