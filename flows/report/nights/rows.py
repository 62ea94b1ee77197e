"""What nights are told by, as text: for the terminal and for the page alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.nights.claims import BY_NAME, UNITS
from flows.nights.headlines import HEADLINES, Headline
from tasks.results.formatting import duration

SPREAD = ("n", "mean", "std", "worst", "best")


def write(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return duration(value) if unit == "seconds" else UNITS[unit](value).replace("-", "−")


def claim_cells(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per claim that stands in the summary and is still made."""
    for name, told in summary["claims"].items():
        if name not in BY_NAME:
            continue
        claim = BY_NAME[name]
        yield {
            "name": name,
            "study": claim.study,
            "sentence": claim.sentence,
            "bound": claim.written_bound.replace("-", "−"),
            "held": told["held"],
            "of": told["of"],
            "n": str(told["n"]),
            **{key: write(told[key], claim.unit) for key in ("mean", "worst", "best")},
            "std": "–" if claim.unit == "flag" else write(told["std"], claim.unit),
        }


def headline_cells(summary: Mapping[str, Any], headline: Headline) -> list[tuple[str, ...]]:
    """One row per series: its name and `SPREAD`."""
    return [
        (name, str(told["n"]), *(write(told[key], headline.unit) for key in SPREAD[1:]))
        for name, told in summary["headlines"].get(headline.name, {}).items()
    ]


def shown_headlines(summary: Mapping[str, Any]) -> list[Headline]:
    return [headline for headline in HEADLINES if headline.name in summary["headlines"]]


def night_cells(night: Mapping[str, Any]) -> tuple[str, ...]:
    """Date, state, time, CPU time, and what was not as it should be."""
    failed = [f"{name}: {each['error']}" for name, each in night["studies"].items() if each["state"] == "failed"]
    remarks = [*failed, *([f"claims that do not hold: {', '.join(night['missed'])}"] if night["missed"] else [])]
    for part in night["unfit"]:
        gate = f": {part['gate']} {part['value']}, limit {part['limit']}" if part["gate"] else ""
        remarks.append(f"unfit in {part['study']}: {part['part']} of seed {part['seed']}{gate}")
    if night["report_error"]:
        remarks.append(f"no report: {night['report_error']}")
    return (
        night["date"],
        night["state"],
        duration(night["seconds"]),
        duration(night["cpu_seconds"]),
        "; ".join(" ".join(each.split()) for each in remarks),
    )
