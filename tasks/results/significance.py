"""What numbers allow a sentence to claim: better than chance, different beyond the sampling error, or nothing.

Verdicts are built on these, so that no sentence states a direction that its numbers do not have.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Int
from scipy.stats import binom
from torch import Tensor

LEVEL = 0.01
"""Probability at which a classifier that names one class for every image is taken for a trained one."""
FEW = 4
"""Fewer models than this have no interval to speak of."""
ERRORS = 2.0
"""Standard errors by which two shares must differ to be called different."""

Direction = Literal["higher", "lower", "equal", "unknown"]


def finite(*numbers: float | None) -> bool:
    return all(number is not None and math.isfinite(number) for number in numbers)


def above_chance(accuracy: float, images: int, chance: float) -> bool:
    """Whether so many right answers are improbable for a classifier that always names the most frequent class.

    One-sided exact binomial test at `LEVEL`; chance: share of the most frequent class among the images.
    """
    if not finite(accuracy, chance) or images < 1:
        return False
    return bool(binom.sf(round(accuracy * images) - 1, images, chance) < LEVEL)


def majority(labels: Int[Tensor, " n"]) -> float:
    """Share of the most frequent class: the accuracy of always naming it."""
    return float(torch.bincount(labels).max() / max(len(labels), 1)) if len(labels) else 1.0


def chance_of(data: Mapping[str, Any]) -> float:
    """Accuracy of naming the most frequent class of the test split; 1 / classes in summaries without `majority`."""
    return float(data.get("majority", 1 / max(data["classes"], 1)))


def untrained(accuracies: Mapping[str, float], data: Mapping[str, Any]) -> str:
    """A sentence about the networks that are not above chance on the test split; empty if all are."""
    chance = chance_of(data)
    test = data["test"]
    found = [f"{name} ({share(value)})" for name, value in accuracies.items() if not above_chance(value, test, chance)]
    if not found:
        return ""
    verb = "is" if len(found) == 1 else "are"
    return (
        f"Nothing can be concluded: {listed(found)} {verb} no better on {test} test images "
        f"than naming the most frequent class ({share(chance)})."
    )


def direction(interval: Sequence[float], rounding: float = 1e-9) -> Direction:
    """Of a difference with this interval."""
    low, high = interval
    if not finite(low, high):
        return "unknown"
    return "higher" if low > rounding else "lower" if high < -rounding else "equal"


def change(before: float, after: float, images: int, per_seed: Sequence[tuple[float, float]] = ()) -> Direction:
    """Of a share measured on `images`, from `before` to `after`.

    The difference counts if it exceeds `ERRORS` standard errors, of the images and of the pairs of seeds alike.
    """
    if not finite(before, after) or images < 1:
        return "unknown"
    error = math.sqrt((before * (1 - before) + after * (1 - after)) / images)
    if len(per_seed) > 1:
        gaps = [b - a for a, b in per_seed]
        mean = sum(gaps) / len(gaps)
        error = max(error, math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps)))
    gap = after - before
    if abs(gap) <= ERRORS * error or abs(gap) < 1e-9:
        return "equal"
    return "higher" if gap > 0 else "lower"


def best(values: Mapping[str, float]) -> list[str]:
    """Names with the largest finite value: several if they are equal, none if no value is finite."""
    known = {name: value for name, value in values.items() if finite(value)}
    return [name for name, value in known.items() if math.isclose(value, max(known.values()), abs_tol=1e-9)]


def share(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if finite(fraction) else "–"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
