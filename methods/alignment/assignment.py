"""What a way to match hidden units gives, and the assignment problem that they all end in."""

import dataclasses

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Orders for the hidden units of B in which they resemble those of A, per group."""

    permutations: dict[str, Int[Tensor, " units"]]
    """The unit of B that stands for each unit of A, for `permute`."""
    before: dict[str, float]
    """How alike A and B are, at most 1: units taken in the order in which they come."""
    after: dict[str, float]
    """The same with B permuted."""

    @property
    def likeness(self) -> float:
        """Mean of `after` over the groups: a transplant from one network into another works as well as units match."""
        return sum(self.after.values()) / len(self.after)


def assign(similarity: Float[Tensor, "units units"]) -> Int[Tensor, " units"]:
    """For each row the column assigned to it, every column once, so that the sum of similarities is largest.

    The modified Jonker-Volgenant algorithm of Crouse, "On implementing 2D rectangular assignment algorithms", 2016.
    """
    _, columns = linear_sum_assignment(similarity.double().cpu().numpy(), maximize=True)
    return torch.from_numpy(columns)
