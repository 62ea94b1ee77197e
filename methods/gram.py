"""The Gram matrix of rows: all that principal axes and autocorrelations need, at K×K numbers however long a row is."""

import torch
from jaxtyping import Float
from torch import Tensor

from methods.columns import columns


def centred_gram(rows: Float[Tensor, "k D"], *, device: torch.device | str = "cpu") -> Float[Tensor, "k k"]:
    """(X − x̄)(X − x̄)ᵀ, where x̄ is the mean row: summed in float64 over one pass of column blocks, on `device`."""
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=device)
    for block in columns(rows.shape[1]):
        part = rows[:, block].to(device, torch.float64)
        part = part - part.mean(0)
        gram.addmm_(part, part.T)
    return gram
