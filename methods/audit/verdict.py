"""One verdict per generator, the first that applies, from the numbers of its audit."""

import dataclasses
import math
from typing import Literal

Verdict = Literal[
    "undetermined", "replicas", "collapsed", "noise", "below baselines", "equivalent to averaging", "pass"
]
LADDER: tuple[Verdict, ...] = (
    "undetermined",
    "replicas",
    "collapsed",
    "noise",
    "below baselines",
    "equivalent to averaging",
    "pass",
)
"""From the gravest on: the order in which they are asked."""

NARROW, WIDE = 0.8, 1.2
COPYING, CLEARLY = -3.0, 3.0
REPLICAS = 0.05


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict rests on. Intervals are (low, high), of differences in accuracy.

    z: the copying statistic after rescaling to ρ = 1, None without spread; z_gaussian: the same of the baseline
    `gaussian`. gain: over noise at matched novelty. lead: over the best of averaging and `gaussian`.
    """

    replica_rate: float
    z: float | None
    z_gaussian: float
    dispersion: float
    gain: tuple[float, float]
    lead: tuple[float, float]


def verdict(evidence: Evidence) -> Verdict:
    """Near copies first. Copying as a tendency is asked only where the spread is about right: rescaling to ρ = 1 makes
    interpolation between rows, and rows under heavy noise, look like it."""
    e = evidence
    # a comparison with NaN is false, so that it would end at a mild verdict
    if not (math.isfinite(e.replica_rate) and math.isfinite(e.dispersion)):
        return "undetermined"
    if e.replica_rate > REPLICAS:
        return "replicas"
    if e.dispersion < NARROW:
        return "collapsed"
    if e.dispersion > WIDE:
        return "noise"
    if not all(map(math.isfinite, (e.z or 0.0, e.z_gaussian, *e.gain, *e.lead))):
        return "undetermined"
    if e.z is not None and e.z < COPYING and e.z < e.z_gaussian - CLEARLY:
        return "replicas"
    if e.gain[0] <= 0:
        return "noise"
    if e.lead[1] < 0:
        return "below baselines"
    return "pass" if e.lead[0] > 0 else "equivalent to averaging"
