"""Whether generated rows are nearer to the train rows than unseen rows of the same source are.

The data-copying test of Meehan, Chaudhuri and Dasgupta (AISTATS 2020): a Mann-Whitney statistic on distances to the
nearest train row.
"""

import math

from jaxtyping import Float
from torch import Tensor

from methods.audit.geometry import Products, dispersion, nearest, norms

QUANTILE = 0.01
NEAR = 0.5
"""A replica is less than half as far from its nearest train row as the median held-out row: nearer than the nearest of
the held-out rows alone would also hold for averages."""


def z_u(generated: Float[Tensor, " n"], held_out: Float[Tensor, " m"]) -> float:
    """Z_U = (U − mn/2)/√(mn(m+n+1)/12), U = Σ 1[d(g) > d(h)] + ½·1[=]. Negative: the generated are nearer."""
    n, m = len(generated), len(held_out)
    u = (generated[:, None] > held_out).sum().item() + 0.5 * (generated[:, None] == held_out).sum().item()
    return (u - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12)


def distances(p: Products) -> tuple[Float[Tensor, " n"], Float[Tensor, " m"]]:
    """d(g) and d(h): how far each generated and each held-out row is from its nearest train row."""
    return nearest(norms(p.gg), p.gt, norms(p.tt)), nearest(norms(p.hh), p.ht, norms(p.tt))


def rescaled_distances(p: Products) -> Float[Tensor, " n"] | None:
    """d(g) after stretching the generated rows about their mean to ρ = 1: a narrow sampler is no copier.

    None where they have no spread to stretch.
    """
    rho = dispersion(p)
    if rho == 0:
        return None
    a = 1 / rho
    mixed_gt = a * p.gt + (1 - a) * p.gt.mean(0)
    mean_gg = p.gg.mean(0)
    own = a**2 * p.gg.diagonal() + 2 * a * (1 - a) * mean_gg + (1 - a) ** 2 * mean_gg.mean()
    return nearest(own.clamp(min=0), mixed_gt, norms(p.tt))


def replica_rates(p: Products) -> tuple[float, float]:
    """Share of d(g) below the 1 % quantile of d(h), as it is, and corrected.

    As it is, the rate is also high for anything near the middle of the train rows: their mean is nearer to all of them
    than unseen rows are. Corrected, a generated row counts only if it is nearer than held-out rows *pulled in to its
    own distance from the mean*, and less than half as far as the median of those.
    """
    d_g, d_h = distances(p)
    plain = (d_g < d_h.quantile(QUANTILE)).double().mean().item()
    radius_h = norms(p.hh).sqrt()
    hits = 0
    for distance, radius in zip(d_g, norms(p.gg).clamp(min=0).sqrt(), strict=True):
        pull = (radius / radius_h.median()).clamp(max=1.0)
        pulled = nearest(pull**2 * norms(p.hh), pull * p.ht, norms(p.tt))
        hits += int(distance < pulled.quantile(QUANTILE) and distance < NEAR * pulled.median())
    return plain, hits / len(d_g)
