"""What the neighbours of a code tell of its class: a reader without parameters, trained against beside the adversary.

An adversary can fail to learn what nearest neighbours read without effort; these cannot be outrun, as they are made
of the codes of this very step.
"""

import dataclasses
import math
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int
from torch import Tensor

Nuisance = Float[Tensor, "n d"]
Labels = Int[Tensor, " n"]
SMALLEST = 1e-6
"""A spread, or a share of votes, that counts as nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """A penalty on what the other codes of a batch tell; no part of the published loss.

    weight: of the penalty. temperature: how far votes reach, in units of the mean squared distance within the batch.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    weight: Annotated[float, Gt(0)] = 1.0
    temperature: Annotated[float, Gt(0)] = 0.1
    margin: Annotated[float, Ge(0)] = 0.0

    def __call__(self, nuisance: Nuisance, labels: Labels, *, classes: int) -> Float[Tensor, ""]:
        """Minus the cross-entropy of the votes, no further than `margin` nats beyond chance; to be lowered."""
        unread = -vote_share(nuisance, labels, temperature=self.temperature).clamp_min(SMALLEST).log()
        return -unread.clamp_max(math.log(classes) + self.margin).mean()


def vote_share(nuisance: Nuisance, labels: Labels, *, temperature: float) -> Float[Tensor, " n"]:
    """Share of the votes of all others that goes to a row's own class.

    Votes are exp(−d²/temperature), with d² relative to its mean (Goldberger et al., "Neighbourhood components
    analysis", 2004, equations 1 and 2); coordinates are scaled to equal spread, as post-hoc readers do.
    """
    scaled = nuisance / nuisance.std(0).clamp_min(SMALLEST).detach()
    lengths = scaled.square().sum(1)
    squared = (lengths[:, None] + lengths - 2 * scaled @ scaled.T).clamp_min(0)
    votes = -squared / (squared.mean().detach() * temperature)
    votes = votes.masked_fill(torch.eye(len(votes), dtype=torch.bool, device=votes.device), -torch.inf)
    return (votes.softmax(1) * (labels[:, None] == labels)).sum(1)
