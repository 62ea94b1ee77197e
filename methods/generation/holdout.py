"""Which snapshots nobody may fit on.

Rows of one run are a time series: neighbours are near copies. Held-out rows are therefore contiguous blocks with a gap
of at least the autocorrelation time on each side; interleaved ones would hide copying, the last rows alone would find
it where there is none.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from methods.errors import BadSetting
from methods.gram import centred_gram

SHARE = 0.1
BLOCKS = 2
LEAST_TRAIN_SHARE = 0.5
FEWEST_ROWS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class HoldOut:
    """Indices of rows; those in a gap are in neither. `gap_limited`: it is shorter than the autocorrelation time."""

    train: Int[np.ndarray, " k"]
    held_out: Int[np.ndarray, " h"]
    gap: int
    autocorrelation_time: float
    gap_limited: bool


def autocorrelation_time(rows: Float[np.ndarray, "k D"]) -> float:
    """Integrated autocorrelation time 1 + 2·Σ ρ(l), in rows, with Sokal's window (sum until l ≥ 5 τ).

    ρ(l) is the autocovariance summed over all coordinates; that sum is a diagonal of the centred Gram matrix, so the
    cost is one K×K product. A. Sokal, "Monte Carlo Methods in Statistical Mechanics" (1996), section 3.
    """
    gram = centred_gram(torch.from_numpy(rows)).numpy()
    if not np.trace(gram) > 0:
        return 1.0
    variance = np.trace(gram) / len(rows)
    tau = 1.0
    for lag in range(1, len(rows)):
        tau += 2 * float(np.trace(gram, offset=lag)) / len(rows) / variance
        if lag >= 5 * tau:
            break
    return max(tau, 1.0)


def hold_out(rows: Float[np.ndarray, "k D"], runs: Sequence[object] | None = None) -> HoldOut:
    """Two blocks of each run, centred at its first and second third, of a tenth of its rows together.

    runs: which run each row comes from, all rows of a run together; without it there is one. The gap is the shortest,
    the autocorrelation time the mean over runs. Raises `BadSetting`.
    """
    labels = [0] * len(rows) if runs is None else list(runs)
    starts = [index for index in range(len(rows)) if index == 0 or labels[index] != labels[index - 1]]
    parts = [_of_run(rows[start:stop], start) for start, stop in itertools.pairwise([*starts, len(rows)])]
    return HoldOut(
        np.concatenate([part.train for part in parts]),
        np.concatenate([part.held_out for part in parts]),
        min(part.gap for part in parts),
        float(np.mean([part.autocorrelation_time for part in parts])),
        any(part.gap_limited for part in parts),
    )


def _of_run(rows: Float[np.ndarray, "k D"], offset: int) -> HoldOut:
    count = len(rows)
    if count < FEWEST_ROWS:
        raise BadSetting(
            problem=f"{count} snapshots of a run are too few to hold some out",
            remedy=f"collect at least {FEWEST_ROWS} per network and restart",
        )
    length = max(1, round(SHARE * count / BLOCKS))
    tau = autocorrelation_time(rows)
    most = math.floor((count * (1 - LEAST_TRAIN_SHARE) - BLOCKS * length) / (2 * BLOCKS))
    gap = min(math.ceil(tau), most)
    index = np.arange(count)
    held_out, train = np.zeros(count, bool), np.ones(count, bool)
    for block in range(BLOCKS):
        start = round((block + 1) * count / (BLOCKS + 1) - length / 2)
        held_out |= (index >= start) & (index < start + length)
        train &= (index < start - gap) | (index >= start + length + gap)
    return HoldOut(offset + index[train], offset + index[held_out], gap, tau, gap_limited=math.ceil(tau) > most)
