"""The one table of a study of generated models, its cells as text, for page, terminal and Markdown alike."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from flows.report.shortfalls import has_numbers, note, with_numbers
from tasks.results.formatting import GENERATORS, interval, meaning, percent, signed
from tasks.results.unfit import UNFIT

HEADS = ("n", "mean", "95 % interval", "difference", "95 % interval", "median", "best", "worst", "std", "chosen")
UNFIT_CELLS = ("0", UNFIT, *[""] * (len(HEADS) - 2))
"""Of a set that has no models on any seed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A set of models; `role` is `original`, `generator` or `baseline`, `beyond` whether its difference excludes 0.

    note: on which seeds it is unfit, and why.
    """

    name: str
    role: str
    meaning: str
    cells: tuple[str, ...]
    beyond: bool
    note: str = ""


def comparison(summary: Mapping[str, Any]) -> list[Row]:
    """Originals, then generators, then baselines; cells as in `HEADS`, accuracies in percent, differences in points.

    Empty for a run that failed before it evaluated anything.
    """
    if "original" not in summary:
        return []
    generated = summary.get("generated", {})
    order = sorted(generated, key=lambda name: name not in GENERATORS)  # stable: baselines keep the study's order
    cells = _cells(summary["original"])
    rows = [Row(name="original", role="original", meaning=meaning("original"), cells=cells, beyond=False)]
    for name in order:
        role = "generator" if name in GENERATORS else "baseline"
        said = {"role": role, "meaning": meaning(name), "note": note(summary, name)}
        if not has_numbers(generated[name]):
            rows.append(Row(name=name, cells=UNFIT_CELLS, beyond=False, **said))
            continue
        difference = summary["differences"][name]
        chosen = summary["selection"].get(name)
        low, high = difference["ci95"]
        rows.append(
            Row(
                name=name,
                cells=_cells(generated[name], chosen, difference),
                beyond=low > 0 or high < 0,
                **said,
            )
        )
    return rows


def subject_of(summary: Mapping[str, Any]) -> str | None:
    """The generator that the run is about; none where it has generated nothing."""
    return next((name for name in GENERATORS if name in with_numbers(summary.get("generated", {}))), None)


def baselines_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """Mean accuracy of each baseline, the best first."""
    made = with_numbers(summary["generated"])
    means = {name: numbers["mean"] for name, numbers in made.items() if name not in GENERATORS}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def _cells(
    numbers: Mapping[str, Any], chosen: Mapping[str, Any] | None = None, difference: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """A single model is its own mean, median, best and worst: said once."""
    single = numbers["n"] == 1
    shape = [percent(numbers[key]) for key in ("median", "best", "worst", "std")]
    return (
        str(numbers["n"]),
        percent(numbers["mean"]),
        "" if single else interval(numbers["ci95"]),
        signed(difference["difference"]) if difference else "",
        interval(difference["ci95"], signed) if difference else "",
        *([""] * 4 if single else shape),
        percent(chosen["test_accuracy"]) if chosen else "",
    )
