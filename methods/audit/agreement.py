"""How alike models err: W_a is the set of test images that model a gets wrong, IoU(a, b) = |W_a ∩ W_b|/|W_a ∪ W_b|."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def errors(predicted: Int[Tensor, "n i"], labels: Int[Tensor, " i"]) -> Bool[Tensor, "n i"]:
    return predicted != labels


def iou(left: Bool[Tensor, "n i"], right: Bool[Tensor, "m i"]) -> Float[Tensor, "n m"]:
    """All pairs as one matrix product; 1 for two models without an error. Exact up to 2²⁴ images."""
    a, b = left.float(), right.float()
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1) - both
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


def mean_of_pairs(values: Float[Tensor, "n n"]) -> float | None:
    """The mean over pairs of different models; None for a single one."""
    n = len(values)
    return ((values.sum() - values.trace()) / (n * (n - 1))).item() if n > 1 else None


def similarity(generated: Bool[Tensor, "n i"], originals: Bool[Tensor, "k i"]) -> Float[Tensor, " n"]:
    """Each generated model's largest IoU with any original; 1 minus it is the model's novelty."""
    return iou(generated, originals).amax(1)
