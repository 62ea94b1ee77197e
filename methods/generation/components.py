"""Principal components of standardised rows: how many a latent needs, and the linear autoencoder that they make."""

import torch
from jaxtyping import Float
from torch import Tensor

from methods.columns import columns
from methods.gram import centred_gram

RANK_TOLERANCE = 1e-10
"""Components with a smaller share of the largest variance are rounding: rows are float32."""


SHARE = 0.9
"""Of the variance of the rows, that a latent chosen from them explains."""
ROWS_PER_COMPONENT = 4
"""Fewer rows do not determine a component: what it explains is their own noise."""


def latent_size(rows: Float[Tensor, "k D"]) -> int:
    """Number of principal components that explain `SHARE` of the variance; at most k/4, at least 1."""
    values = torch.linalg.eigvalsh(centred_gram(rows, device=rows.device)).flip(0).clamp(min=0)
    missing = values.sum() - values.cumsum(0) > (1 - SHARE) * values.sum()
    return max(1, min(int(missing.sum()) + 1, len(rows) // ROWS_PER_COMPONENT))


def linear_autoencoder(rows: Float[Tensor, "k D"], latent: int) -> tuple[Float[Tensor, "d D"], Float[Tensor, "d D"]]:
    """Encoder and decoder: the `latent` largest principal components, of which a latent is the coordinates.

    Coordinates have variance 1 over the rows, so that noise on the latents costs each component the same share. Where
    the rows have fewer components, the remaining entries of both are 0.
    """
    values, vectors = torch.linalg.eigh(centred_gram(rows, device=rows.device))
    values, vectors = values.flip(0)[:latent], vectors.flip(1)[:, :latent]
    values, vectors = values[values > RANK_TOLERANCE * values[0]], vectors[:, values > RANK_TOLERANCE * values[0]]
    std = (values / max(len(rows) - 1, 1)).sqrt()
    encoder, decoder = torch.zeros(2, latent, rows.shape[1], device=rows.device)
    for block in columns(rows.shape[1]):
        part = rows[:, block].double()
        axes = vectors.T @ (part - part.mean(0)) / values.sqrt()[:, None]
        encoder[: len(std), block] = (axes / std[:, None]).float()
        decoder[: len(std), block] = (axes * std[:, None]).float()
    return encoder, decoder
