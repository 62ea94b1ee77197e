"""The page of many nights: a figure and a table per headline, and on how many nights each claim holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from flows.nights.claims import BY_NAME
from flows.nights.headlines import HEADLINES, Headline
from flows.report.chapter import Plot
from flows.report.nights.rows import (
    SPREAD,
    claim_cells,
    headline_cells,
    night_cells,
    shown_headlines,
    write,
)
from flows.report.style import BLUE, GREEN, INK, ORANGE, styled

SCALES = {"percent": (100.0, "%"), "points": (100.0, "points"), "seconds": (1.0, "seconds"), "times": (1.0, "times")}
ROW_INCHES = 0.34


def plots(summary: Mapping[str, Any]) -> list[Plot]:
    """One figure per headline, one of the claims; of fits alone, one of the margins."""
    found = [
        Plot(
            name=headline.name,
            title=headline.title,
            caption=_caption(headline, summary["headlines"][headline.name]),
            figure=_headline(headline, summary["headlines"][headline.name]),
        )
        for headline in shown_headlines(summary)
    ]
    if rows := list(claim_cells(summary)):
        caption = "Nights on which each claim holds; one that was not measured counts as not holding."
        found.append(Plot(name="claims", title="Claims", caption=caption, figure=_claims(rows)))
    if "fits" in summary:
        values = _margins(summary["fits"]["rows"])
        if values:
            caption = (
                "Distance of each gate's value from its limit, as a share of the limit; below zero the gate failed."
            )
            figure = _strips(values, {}, 100.0, "margin, % of the limit", True)
            found.append(Plot(name="margins", title="Margins of the gates", caption=caption, figure=figure))
    return found


def _margins(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for row in rows:
        if row["margin"] is not None:
            values.setdefault(row["gate"], []).append(row["margin"])
    return values


def _caption(headline: Headline, told: Mapping[str, Mapping[str, Any]]) -> str:
    most = max(each["n"] for each in told.values())
    text = f"A dot is one night (n = {most}); bars are the mean and one standard deviation."
    if any(name in headline.claims for name in told):
        text += " Dashed: the bound of the claim; dots beyond it on the wrong side are orange."
    return text


def _headline(headline: Headline, told: Mapping[str, Mapping[str, Any]]) -> Figure:
    scale, unit = SCALES.get(headline.unit, (1.0, ""))
    values = {name: [value for value in each["values"] if value is not None] for name, each in told.items()}
    return _strips(values, headline.claims, scale, unit, headline.unit == "points")


@styled
def _strips(
    values: Mapping[str, Sequence[float]], claims: Mapping[str, str], scale: float, unit: str, zero: bool
) -> Figure:
    """A row per series, a dot per night, the mean with its standard deviation, and the bound of a claim."""
    figure = Figure(figsize=(5.6, 0.9 + ROW_INCHES * len(values)), layout="constrained")
    axes: Axes = figure.subplots()
    for place, (name, numbers) in enumerate(values.items()):
        claim = BY_NAME.get(claims.get(name, ""))
        for number, value in enumerate(numbers):
            shift = 0.24 * ((number % 5) / 2 - 1)  # dots of equal value stay apart
            colour = ORANGE if claim and not claim.holds(value) else BLUE
            axes.plot(scale * value, place + shift, "o", color=colour, markersize=3.5, alpha=0.6)
        mean = sum(numbers) / len(numbers)
        variance = sum((value - mean) ** 2 for value in numbers) / max(len(numbers) - 1, 1)
        axes.errorbar(scale * mean, place, xerr=scale * variance**0.5, fmt="|", color=INK, markersize=11, capsize=2)
        if claim:
            axes.plot([scale * claim.bound] * 2, [place - 0.42, place + 0.42], color=GREEN, linestyle=(0, (3, 2)))
    if zero:
        axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlabel=unit, ylim=(len(values) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    return figure


@styled
def _claims(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(5.6, 0.8 + ROW_INCHES * len(rows)), layout="constrained")
    axes: Axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = GREEN if row["held"] == row["of"] else ORANGE
        axes.barh(place, row["held"], color=colour, height=0.6)
        axes.text(row["of"] * 1.01, place, f"{row['held']} of {row['of']}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(rows)), [row["name"].replace("_", " ") for row in rows])
    axes.set(xlabel="nights", ylim=(len(rows) - 0.5, -0.5), xlim=(0, rows[0]["of"] * 1.12))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", visible=False)
    return figure


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the template needs besides the summary: every table's cells as text."""
    told: dict[str, Any] = {
        "spread": SPREAD,
        "claims": list(claim_cells(summary)),
        "headlines": {
            headline.name: {"title": headline.title, "rows": headline_cells(summary, headline)}
            for headline in HEADLINES
            if headline.name in summary["headlines"]
        },
        "nights": [night_cells(night) for night in summary["nights"]],
        "commits": sorted({str(night["commit"]) for night in summary["nights"] if night["commit"]}),
        "dirty": any(night["dirty"] for night in summary["nights"]),
        "gates": [],
    }
    if "fits" in summary:
        told["gates"] = [row | {"written": write(row["margin"], "percent")} for row in summary["fits"]["rows"]]
    return told
