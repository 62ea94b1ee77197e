"""Where generated rows lie among train rows and held-out rows: everything that inner products can tell.

All rows are z-scored per coordinate with the train rows' statistics, so the mean of the train rows is the origin. Only
Gram matrices are kept, summed over blocks of columns: memory does not grow with the length of a row.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from methods.columns import columns
from methods.generation.scaling import Standardise


@dataclasses.dataclass(frozen=True, slots=True)
class Products:
    """Inner products of z-scored rows: t train (k), h held out (m), g generated (n)."""

    tt: Float[Tensor, "k k"]
    hh: Float[Tensor, "m m"]
    gg: Float[Tensor, "n n"]
    ht: Float[Tensor, "m k"]
    gt: Float[Tensor, "n k"]


def products(train: Float[Tensor, "k D"], held_out: Float[Tensor, "m D"], generated: Float[Tensor, "n D"]) -> Products:
    """In float64; one block of columns of all rows is in memory besides the arguments."""
    k, m, n = len(train), len(held_out), len(generated)
    total = torch.zeros(k + m + n, k + m + n, dtype=torch.float64)
    scale = Standardise.fit(train)
    for block in columns(train.shape[1]):
        mean, std = scale.mean[block].double(), scale.std[block].double()
        z = torch.cat([(rows[:, block].double() - mean) / std for rows in (train, held_out, generated)])
        total += z @ z.T
    t, h, g = slice(0, k), slice(k, k + m), slice(k + m, None)
    return Products(total[t, t], total[h, h], total[g, g], total[h, t], total[g, t])


def nearest(own: Float[Tensor, " n"], cross: Float[Tensor, "n k"], train: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
    """Distance of each row to its nearest train row, from squared norms and inner products."""
    return (own[:, None] + train - 2 * cross).amin(1).clamp(min=0).sqrt()


def norms(gram: Float[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """Squared distances from the train rows' mean."""
    return gram.diagonal()


def centred(gram: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Inner products of the rows' deviations from their own mean."""
    return gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean()


def dispersion(p: Products) -> float:
    """ρ = √(tr Cov G / tr Cov T): 1 for draws from the train rows' distribution, 0 for a single model."""
    if len(p.gg) < 2:
        return 0.0
    variances = [centred(gram).trace() / (len(gram) - 1) for gram in (p.gg, p.tt)]
    return (variances[0].clamp(min=0) / variances[1]).sqrt().item()


def effective_rank_ratio(p: Products) -> float:
    """Of the covariances' effective ranks, G's over T's, from equally many rows of each; 0 for a single model.

    Effective rank: exp of the entropy of the normalised eigenvalues (Roy & Vetterli, EUSIPCO 2007, definition 1).
    """
    count = min(len(p.gg), len(p.tt))
    if count < 2:
        return 0.0
    ranks = []
    for gram in (p.gg, p.tt):
        # evenly spread: the first train rows of a run alone would span less than all of them do
        chosen = torch.linspace(0, len(gram) - 1, count).round().long()
        values = torch.linalg.eigvalsh(centred(gram[chosen][:, chosen])).clamp(min=0)
        share = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
        ranks.append(torch.exp(-torch.special.xlogy(share, share).sum()) if values.sum() > 0 else values.sum())
    return (ranks[0] / ranks[1]).item()


def mean_hugging(p: Products) -> float:
    """Mean ‖g − T̄‖ over mean ‖t − T̄‖: near 0 for averages."""
    return (norms(p.gg).sqrt().mean() / norms(p.tt).sqrt().mean()).item()
