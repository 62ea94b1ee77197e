"""Learnt parts that fell short: a generator that misses a gate, a training that diverges. A result, not an error.

A job whose part falls short publishes a product that records why, under the same key as the part itself. So it is
found again like any other result, and no study fits the part a second time.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from methods.errors import BadData, Diverged, GateFailed, NotInvertible, WeightsmithError
from methods.evaluation.distribution import distribution
from methods.generation.generator import Gate
from storage.files import Ref
from storage.formats import publish_tensors, read_metadata

K = TypeVar("K")

UNFIT = "unfit"
"""The verdict on such a part, and the name of its record in metadata and summaries."""
SHORTFALLS = (GateFailed, Diverged, BadData, NotInvertible, torch.linalg.LinAlgError, np.linalg.LinAlgError)
"""What fitting raises because of what it learns from. Any other error, as a full disk, says nothing of the part."""
TWO_SIDED = "latent_scale"
"""The gate whose value must lie between its limit and the inverse of its limit."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why `part`, a generator or another learnt part, has no numbers for the network of `seed`.

    gate, value, limit, meaning: of the gate that it missed; without one, `gate` is None. A value that is not finite is
    None, since JSON has no such number. passed: the gates that it passed before, each as `{gate, value, limit,
    meaning}`.
    """

    part: str
    seed: int
    problem: str
    remedy: str = ""
    gate: str | None = None
    value: float | None = None
    limit: float | None = None
    meaning: str = ""
    passed: tuple[Mapping[str, Any], ...] = ()

    @property
    def reason(self) -> str:
        """`reconstruction 0.8956 < 0.9148`, or the problem where there was no gate."""
        if self.gate is None or self.limit is None:
            return self.problem
        value = "not finite" if self.value is None else _short(self.value)
        if self.gate == TWO_SIDED:
            return f"{self.gate} {value}, allowed is {_short(1 / self.limit)} to {_short(self.limit)}"
        below = self.value is not None and self.value < self.limit
        return f"{self.gate} {value} {'<' if below else '>'} {_short(self.limit)}"

    def gates(self) -> dict[str, dict[str, Any]]:
        """Those passed and the one missed, by name, as a summary lists them."""
        found = {
            each["gate"]: {key: each[key] for key in ("value", "limit", "meaning")} | {"passed": True}
            for each in self.passed
        }
        if self.gate is not None:
            missed = {"value": self.value, "limit": self.limit, "meaning": self.meaning, "passed": False}
            found[self.gate] = missed
        return found


def shortfall(error: Exception, part: str, seed: int, passed: Mapping[str, Gate] | None = None) -> Unfit:
    """The record of one of the `SHORTFALLS`."""
    known = error if isinstance(error, WeightsmithError) else None
    missed: dict[str, Any] = {}
    if isinstance(error, GateFailed):
        missed = {"gate": error.gate, "limit": error.limit, "meaning": error.meaning or error.problem}
        missed["value"] = error.value if math.isfinite(error.value) else None
    return Unfit(
        part=part,
        seed=seed,
        problem=known.problem if known else str(error) or type(error).__name__,
        remedy=known.remedy if known else "",
        passed=tuple(
            {"gate": name, "value": gate.value, "limit": gate.limit, "meaning": gate.meaning}
            for name, gate in (passed or {}).items()
        ),
        **missed,
    )


def publish_unfit(
    target: str,
    record: Unfit,
    facts: Mapping[str, Any] | None = None,
    tensors: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """A product that holds the record and, beside it, what was known before: facts of a fit, and tensors."""
    stored = {UNFIT: dataclasses.asdict(record), "gates": record.gates(), "curves": {}, "facts": dict(facts or {})}
    publish_tensors(target, tensors or {}, {name: json.dumps(value) for name, value in stored.items()})


def unfit_of(ref: Ref) -> Unfit | None:
    """The record in a safetensors product; None for a product that holds what its job was to make."""
    stored = read_metadata(ref.path).get(UNFIT)
    if stored is None:
        return None
    return record_of(json.loads(stored))


def record_of(stored: Mapping[str, Any]) -> Unfit:
    """A record as it lies in metadata or a summary."""
    return Unfit(**{**stored, "passed": tuple(stored["passed"])})


def sorted_out(products: Mapping[K, Ref]) -> tuple[dict[K, Ref], dict[K, Unfit]]:
    """The products that can be used, and the records of the others."""
    records = {key: unfit_of(ref) for key, ref in products.items()}
    usable = {key: ref for key, ref in products.items() if records[key] is None}
    return usable, {key: record for key, record in records.items() if record is not None}


def entry(records: Sequence[Unfit]) -> dict[str, Any]:
    """What a summary has in place of numbers: the verdict, the first record, and the seeds of all records."""
    return {
        "verdict": UNFIT,
        UNFIT: dataclasses.asdict(records[0]),
        "unfit_seeds": list(dict.fromkeys(record.seed for record in records)),
    }


def as_records(records: Iterable[Unfit]) -> list[dict[str, Any]]:
    """The summary's `unfit`: each record once, however many rows miss it."""
    return [dataclasses.asdict(record) for record in distinct(records)]


def distinct(records: Iterable[Unfit]) -> list[Unfit]:
    return list({(record.part, record.seed, record.problem): record for record in records}.values())


def distribution_or_entry(accuracies: Sequence[float] | np.ndarray, records: Sequence[Unfit], seed: int) -> Any:
    """The distribution of these accuracies; where there are none, what a summary has in its place."""
    return distribution(accuracies, seed=seed) if len(accuracies) else entry(records)


def headline(records: Iterable[Unfit], what: str = "The generator") -> str:
    """A sentence that says on which seeds it is unfit and why; empty without records."""
    told = []
    for record in distinct(records):
        before = ", ".join(each["gate"] for each in record.passed)
        text = f"seed {record.seed}: {record.reason}"
        told.append(text + (f" (passed before: {before})" if before else ""))
    return f"{what} is unfit on {'; on '.join(told)}." if told else ""


def clause(stored: Iterable[Mapping[str, Any]]) -> str:
    """`; unfit: PART (seed 7: REASON)` of the records of a summary; empty without records."""
    records = [record_of(each) for each in stored]
    told = ", ".join(f"{each.part} (seed {each.seed}: {each.reason})" for each in records)
    return f"; unfit: {told}" if told else ""


def _short(value: float) -> str:
    """Four significant digits. Not as `formatting` writes them, which is no part of the keys, while this module is."""
    return f"{value:.4g}"
