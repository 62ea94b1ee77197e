"""What the accuracies of many models say: their distribution, and the difference of two of them.

Intervals are percentile bootstrap intervals of the mean (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13). They say how far the mean would move with other models from the same source; the test images stay fixed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from methods.errors import BadData

RESAMPLES = 2_000
LEVEL = 0.95


def distribution(accuracies: Sequence[float] | Float[np.ndarray, " n"], *, seed: int = 0) -> dict[str, Any]:
    """`{n, mean, median, best, worst, std, ci95, accuracies}` of n ≥ 1 fractions in [0, 1], ready for JSON.

    `std` is the sample's (n − 1 in the denominator; 0 for a single model, whose `ci95` is its own value twice).
    Raises `BadData` on an empty sequence and on numbers outside [0, 1].
    """
    values = _checked(accuracies)
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "best": float(values.max()),
        "worst": float(values.min()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "ci95": _interval(_means(values, np.random.default_rng(seed))),
        "accuracies": values.tolist(),
    }


def difference(
    accuracies: Sequence[float] | Float[np.ndarray, " n"],
    reference: Sequence[float] | Float[np.ndarray, " m"],
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """`{difference, ci95}`: mean of `accuracies` minus mean of `reference`, both resampled, independently.

    A single model has no spread to resample, so its interval holds the reference's uncertainty alone.
    """
    left, right = _checked(accuracies), _checked(reference)
    rng = np.random.default_rng(seed)
    return {
        "difference": float(left.mean() - right.mean()),
        "ci95": _interval(_means(left, rng) - _means(right, rng)),
    }


def _checked(accuracies: Sequence[float] | np.ndarray) -> Float[np.ndarray, " n"]:
    values = np.asarray(accuracies, dtype=np.float64).reshape(-1)
    if len(values) == 0:
        raise BadData(
            problem="no accuracies: a distribution needs at least one model",
            remedy="check that every sampled model was evaluated",
        )
    outside = values[~((values >= 0) & (values <= 1))]
    if len(outside):
        raise BadData(
            problem=f"{len(outside)} of {len(values)} accuracies lie outside [0, 1], the first is {outside[0]}",
            remedy="accuracies are fractions: divide percentages by 100, and evaluate models with finite logits",
        )
    return values


def _means(values: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " resamples"]:
    return values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)


def _interval(estimates: Float[np.ndarray, " resamples"]) -> list[float]:
    return [float(q) for q in np.quantile(estimates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]
