"""What a transplant run has made, as references, by what was written into which network."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.evaluation.distribution import distribution
from storage.files import Ref
from storage.formats import read_json
from tasks.results.unfit import Unfit
from tasks.transplant.align import Pair
from tasks.transplant.transplant import ALONE, Graft, read_transplant

FINE_TUNED, ONE_SHOT = "fine_tuned", "one_shot"
"""Rows beside generated and collected ones: of the fine-tuned recipient, and of a generator that does not sample."""
Grafts = dict[tuple[str, str, int], Graft]
"""By recipient, what the rows are, and the donor's seed."""
Rows = list[dict[str, dict[str, np.ndarray]]]
"""As `read_transplant` gives them, one per donor."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transplanted:
    """References to everything that a transplant run has made; `numbers` by the same keys as `grafts`.

    missing: by what the rows are, why some donors have none; by name of a recipient, why there is none.
    """

    grafts: Grafts
    numbers: Mapping[tuple[str, str, int], Ref]
    matchings: Mapping[Pair, Ref]
    mistakes: Mapping[str, Sequence[Ref]]
    missing: Mapping[str, Sequence[Unfit]] = dataclasses.field(default_factory=dict)

    def rows(self, recipient: str, source: str) -> Rows:
        return [read_transplant(ref) for key, ref in self.numbers.items() if key[:2] == (recipient, source)]

    def matching(self, recipient: str, source: str) -> list[dict[str, Any]]:
        found = [graft for key, graft in self.grafts.items() if key[:2] == (recipient, source)]
        return [read_json(self.matchings[graft.pair].path) for graft in found]

    def references(self) -> dict[str, dict[str, str]]:
        named = {graft.name: self.numbers[key] for key, graft in self.grafts.items()}
        named |= {f"alignment {a.seed} to {b.seed}": ref for (a, b), ref in self.matchings.items()}
        named |= {f"{name} {place}": ref for name, refs in self.mistakes.items() for place, ref in enumerate(refs)}
        return {name: dataclasses.asdict(ref) for name, ref in named.items()}


def pooled(rows: Rows, kind: str, name: str) -> np.ndarray:
    """One of `MEASURED` of all donors' rows together."""
    return np.concatenate([np.atleast_1d(each[kind][name]) for each in rows])


def alone(rows: Rows) -> dict[str, float]:
    """Of the recipients of these rows as they are, the mean."""
    names = {"accuracy": "clean_accuracy", "asr": "asr", "robust_accuracy": "robust_accuracy"}
    return {told: float(pooled(rows, ALONE, name).mean()) for name, told in names.items()}


def told(rows: Rows, kind: str, seed: int) -> dict[str, Any]:
    """Of all donors' rows together the accuracies, and what becomes of the backdoor."""
    means = {f"{name}_mean": float(pooled(rows, kind, name).mean()) for name in ("asr", "robust_accuracy")}
    return distribution(pooled(rows, kind, "accuracy"), seed=seed) | means
