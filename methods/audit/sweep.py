"""Accuracy at matched novelty: what plain noise on stored rows reaches when its errors are as new."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from torch import Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Strength:
    """One strength of noise (0: the stored rows themselves): its models' mean novelty, and which images they get right.

    Novelty of a model: 1 − its largest error IoU with a stored row; 0 for the rows themselves.
    """

    novelty: float
    right: Bool[Tensor, "n i"]


def matched(sweep: Sequence[Strength], novelty: float) -> list[tuple[float, Bool[Tensor, "_ i"]]]:
    """Weights that sum to 1, and models, whose weighted mean accuracy is that of noise with this novelty.

    Linear between the two nearest strengths; beyond the strongest, that one, which flatters the noise.
    """
    ordered = sorted(sweep, key=lambda strength: strength.novelty)
    places = [strength.novelty for strength in ordered]
    above = int(np.searchsorted(places, novelty))
    if above == 0:
        return [(1.0, ordered[0].right)]
    if above == len(ordered):
        return [(1.0, ordered[-1].right)]
    low, high = ordered[above - 1], ordered[above]
    share = (novelty - low.novelty) / (high.novelty - low.novelty)
    return [(1 - share, low.right), (share, high.right)]
