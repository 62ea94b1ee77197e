"""What the page and the tables say of a part that is unfit: the words for its row, and the lines below a verdict."""

from collections.abc import Mapping
from typing import Any

from tasks.results.formatting import number
from tasks.results.unfit import UNFIT, record_of


def has_numbers(entry: Mapping[str, Any]) -> bool:
    """Whether there is a distribution of accuracies, and not the record of why there is none."""
    return "accuracies" in entry


def with_numbers(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Those of the sets of models that have accuracies."""
    return {name: each for name, each in sets.items() if has_numbers(each)}


def note(summary: Mapping[str, Any], name: str) -> str:
    """`unfit on seed 7: reconstruction 0.8956 < 0.9148`, over all seeds of the run; empty where none is unfit."""
    sets = {seed: each["generated"].get(name, {}) for seed, each in summary.get("per_seed", {}).items()}
    told = [f"seed {seed}: {record_of(each[UNFIT]).reason}" for seed, each in sets.items() if UNFIT in each]
    return f"unfit on {'; '.join(told)}" if told else ""


def rows(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """The page's table of what is unfit: one row per record of the summary's `unfit`."""
    found = []
    for stored in summary.get(UNFIT, []):
        record = record_of(stored)
        found.append(
            {
                "part": record.part,
                "seed": str(record.seed),
                "gate": record.gate or "none",
                "value": "–" if record.value is None else number(record.value),
                "limit": "–" if record.limit is None else number(record.limit),
                "passed": ", ".join(f"{each['gate']} {number(each['value'])}" for each in record.passed) or "none",
                "problem": record.problem,
                "remedy": record.remedy,
            }
        )
    return found
