"""Train rows through a fitted generator's autoencoder and back: what it makes without diffusing anything."""

import dataclasses
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.generation.generator import Rows
from methods.progress import OnStep, silent


@runtime_checkable
class Reconstructing(Protocol):
    """A sampler with an autoencoder inside."""

    def reconstruct(self, rows: Float[Tensor, "n D"], noise: torch.Generator | None) -> Float[Tensor, "n D"]:
        """Encoded and decoded, on the CPU; with `noise`, the latent noise of training is drawn from it and added."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Reconstruct:
    """A sampler: random train rows (each once, before any comes twice), reconstructed with or without latent noise."""

    of: Reconstructing
    rows: Rows
    noisy: bool
    single: ClassVar[bool] = False

    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        draw = randomness.generator(seed, "reconstruct")
        rounds = -(-n // len(self.rows.train))
        chosen = torch.cat([torch.randperm(len(self.rows.train), generator=draw) for _ in range(rounds)])[:n]
        return self.of.reconstruct(self.rows.train[chosen], draw if self.noisy else None)

    def state(self) -> dict[str, Tensor]:
        return {}
