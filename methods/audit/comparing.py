"""Differences in accuracy between sets of models that were tested on the same images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

RESAMPLES, LEVEL = 2_000, 0.95

Share = tuple[float, Bool[Tensor, "_ i"]]
"""A weight, and which images each of some models gets right."""


def weighted_accuracy(shares: Sequence[Share], *, seed: int) -> dict[str, Any]:
    """`{difference, ci95}` of Σ weight · mean accuracy; with the weights 1 and −1, the difference of two sets.

    The percentile bootstrap resamples the images, the same for all sets (paired), and the models of each set, so it
    says what may be expected of other images and other samples. A set of one model has only its images resampled.
    """
    rng = np.random.default_rng(seed)
    per_image = np.sum([weight * right.double().mean(0).numpy() for weight, right in shares], axis=0)
    mean = float(np.mean(per_image))
    drawn = _resampled(per_image, rng)
    for weight, right in shares:
        accuracies = right.double().mean(1).numpy()
        drawn = drawn + weight * (_resampled(accuracies, rng) - accuracies.mean())
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"difference": mean, "ci95": [float(low), float(high)]}


def _resampled(values: Float[np.ndarray, " n"], rng: np.random.Generator) -> Float[np.ndarray, " resamples"]:
    counts = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=RESAMPLES)
    return counts @ values / len(values)


def mcnemar(left: Bool[Tensor, " i"], right: Bool[Tensor, " i"]) -> dict[str, Any]:
    """Two models on the same images: how many only the one and only the other gets right, and the exact p-value.

    McNemar, Psychometrika 12 (1947), in its exact binomial form; p = 1 where they never differ.
    """
    from scipy.stats import binomtest  # 1.5 s that only the summary of a run has to wait for

    only_left, only_right = int((left & ~right).sum()), int((right & ~left).sum())
    differing = only_left + only_right
    p = float(binomtest(only_left, differing).pvalue) if differing else 1.0
    return {"only_first": only_left, "only_second": only_right, "p": p}


def best_of(accuracies: Sequence[float] | Float[np.ndarray, " n"], count: int) -> float:
    """Expected best of `count` ≤ n models drawn without replacement: what "best of n" means at equal n."""
    ordered = np.sort(np.asarray(accuracies, dtype=np.float64))
    # P(the largest of the draw is the i-th smallest) = C(i−1, count−1)/C(n, count), from one i to the one below it
    chance, expected, left = count / len(ordered), 0.0, len(ordered)
    for value in ordered[::-1]:
        if left < count:
            break
        expected += chance * float(value)
        chance *= (left - count) / (left - 1) if left > 1 else 0.0
        left -= 1
    return expected
