"""How different the rows of a collection are, as one number."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from methods.columns import columns
from methods.errors import BadData
from methods.gram import centred_gram


def diversity(rows: Float[Tensor, "k D"]) -> float:
    """Root mean square distance of two different rows, over the root mean square norm of a row; in [0, √(2k/(k − 1))].

    0: all rows are equal. √2: they have no direction in common, as random vectors of equal length. The sum of squared
    distances of all pairs is k times that to the mean row, the trace of the centred Gram matrix. Raises `BadData`.
    """
    if len(rows) < 2:
        raise BadData(problem=f"{len(rows)} row has no distance to another", remedy="collect at least two rows")
    squares = sum(rows[:, block].double().square().sum().item() for block in columns(rows.shape[1]))
    if squares == 0:
        return 0.0
    distances = 2 * torch.trace(centred_gram(rows)).clamp(min=0).item() / (len(rows) - 1)
    return math.sqrt(distances / (squares / len(rows)))
