"""Correlation between the units of two networks, a batch of activations at a time."""

import torch
from jaxtyping import Float
from torch import Tensor

Activations = Float[Tensor, "units samples"]
"""What each unit returned for each image, and for each pixel of it."""

NOISE = 1e-10
"""A variance below this share of the mean square is rounding: the unit is constant."""


class CrossCorrelation:
    """Pearson's correlation of each unit of A with each of B, over all samples that were added.

    Begun with the first batch. Sums are kept in float64 and about that batch's means, so that little is lost where a
    mean is large beside its spread.
    """

    def __init__(self, a: Activations, b: Activations) -> None:
        self.shifts = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
        self.samples = 0
        sums = torch.zeros(2, len(a), dtype=torch.float64, device=a.device)
        self.sums, self.squares = sums, sums.clone()
        self.products = torch.zeros(len(a), len(b), dtype=torch.float64, device=a.device)
        self.add(a, b)

    def add(self, a: Activations, b: Activations) -> None:
        """Column by column the same samples of both networks."""
        a, b = a - self.shifts[0], b - self.shifts[1]
        self.samples += a.shape[1]
        self.products += a @ b.T
        self.sums += torch.stack([each.sum(1, dtype=torch.float64) for each in (a, b)])
        self.squares += torch.stack([each.square().sum(1, dtype=torch.float64) for each in (a, b)])

    def matrix(self) -> Float[Tensor, "units units"]:
        """Rows are units of A, columns of B; a unit that never changes is correlated with none, 0."""
        means = self.sums / self.samples
        variances = self.squares / self.samples - means.square()
        scale = torch.stack([shift[:, 0].double().square() for shift in self.shifts]) + self.squares / self.samples
        inverse = torch.where(variances > NOISE * scale, variances.clamp_min(0).rsqrt(), 0)
        covariance = self.products / self.samples - means[0][:, None] * means[1]
        return inverse[0][:, None] * covariance * inverse[1]
