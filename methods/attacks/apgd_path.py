"""The path of Auto-PGD: what it has seen so far, and when it halves its steps and goes back to the best."""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.attacks.attack import Images, per_sample

RISING = 0.75
"""ρ: the share of moves that must improve the loss."""


@dataclasses.dataclass(slots=True)
class Path:
    """Where each sample is (z, with loss and slope there), was before, and was best; and the size of its steps, η."""

    z: Images
    before: Images
    value: Float[Tensor, " m"]
    slope: Images
    best: Images
    best_value: Float[Tensor, " m"]
    best_slope: Images
    size: Float[Tensor, " m"]
    improved: Float[Tensor, " m"]
    """Moves since the last checkpoint that lowered the loss."""
    halved: Bool[Tensor, " m"]
    """Whether the last checkpoint halved η, and with what best value it was left."""
    checked_value: Float[Tensor, " m"]

    @classmethod
    def begin(cls, z: Images, size: float) -> "Path":
        none = torch.full_like(z[:, 0, 0, 0], float("inf"))
        zero = torch.zeros_like(none)
        return cls(z, z, none, z, z, none, z, zero + size, zero, zero > 0, none)

    def part(self, keep: Tensor) -> "Path":
        return Path(*(getattr(self, field.name)[keep] for field in dataclasses.fields(self)))

    def look(self, value: Float[Tensor, " m"], slope: Images) -> None:
        """Takes note of the loss and slope at z."""
        self.improved = self.improved + (value < self.value) * self.value.isfinite()
        self.value, self.slope = value, slope
        better = value < self.best_value
        self.best_value = torch.where(better, value, self.best_value)
        self.best = torch.where(per_sample(better), self.z, self.best)
        self.best_slope = torch.where(per_sample(better), slope, self.best_slope)

    def check(self, moves: int) -> None:
        """At a checkpoint, after so many moves since the last: halves η and goes back to the best, where due."""
        stuck = ~self.halved & (self.best_value == self.checked_value)
        due = (self.improved < RISING * moves) | stuck
        self.z = torch.where(per_sample(due), self.best, self.z)
        self.slope = torch.where(per_sample(due), self.best_slope, self.slope)
        self.value = torch.where(due, self.best_value, self.value)
        self.size = torch.where(due, self.size / 2, self.size)
        self.halved, self.checked_value, self.improved = due, self.best_value, torch.zeros_like(self.improved)


def checkpoints_of(steps: int) -> dict[int, int]:
    """The steps at which η may be halved, ⌈p_j·N⌉ (section 3.2), each with the moves since the one before."""
    found, last, p, q = {}, 0, 0, 22  # in hundredths, so that nothing is rounded
    while q < 100 and (step := -(-q * steps // 100)) < steps:
        if step > last:
            found[step], last = step - last, step
        p, q = q, q + max(q - p - 3, 6)
    return found
