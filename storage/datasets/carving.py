"""Choosing rows so that every class keeps its share."""

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor


def stratified(labels: Int64[Tensor, " n"], count: int, *, seed: int) -> Int64[Tensor, " count"]:
    """`count` of the n rows, ascending, at random within each class.

    Each class gets its exact share, rounded down; the rows that are left go to the largest remainders (lower labels
    first among equals). `count` must lie in 0..n.
    """
    classes = labels.numpy()
    total = max(len(classes), 1)
    sizes = np.bincount(classes)
    quotas, remainders = np.divmod(sizes * count, total)
    quotas[np.argsort(-remainders, kind="stable")[: count - quotas.sum()]] += 1
    # RandomState, because NumPy promises that its stream never changes: test images stay test images.
    shuffled = np.random.RandomState(seed).permutation(len(classes))
    grouped = shuffled[np.argsort(classes[shuffled], kind="stable")]
    place_in_class = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return torch.from_numpy(np.sort(grouped[place_in_class < np.repeat(quotas, sizes)]))


def without(count: int, rows: Int64[Tensor, " k"]) -> Int64[Tensor, " n"]:
    """The rows 0..count-1 that are not in `rows`, ascending."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[rows] = False
    return kept.nonzero().squeeze(1)
