"""The tables of `weightsmith nights` on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.report.nights.rows import SPREAD, claim_cells, headline_cells, night_cells, shown_headlines, write

NIGHT = ("night", "state", "time", "CPU time", "remarks")
CLAIM = ("claim", "holds on", "bound", "mean", "worst")
GATE = ("date", "seed", "gate", "result", "value", "limit", "margin")


def nights_table(summary: Mapping[str, Any]) -> RenderableType:
    """Nights, headlines, claims; of fits alone, the gates."""
    parts: list[RenderableType] = [_nights(summary)]
    if "fits" in summary:
        parts.append(_gates(summary["fits"]))
    parts += [_headlines(summary)] if summary["headlines"] else []
    parts += [_claims(summary)] if summary["claims"] else []
    return Group(*parts, Text(summary["verdict"], "bold"))


def _table(*heads: str) -> Table:
    return Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False)


def _nights(summary: Mapping[str, Any]) -> Table:
    table = _table(*NIGHT)
    for night in summary["nights"]:
        table.add_row(*map(Text, night_cells(night)), style="red" if night["state"] == "failed" else "")
    return table


def _headlines(summary: Mapping[str, Any]) -> Table:
    table = _table("headline", "series", *SPREAD)
    for headline in shown_headlines(summary):
        for number, cells in enumerate(headline_cells(summary, headline)):
            table.add_row(*map(Text, ("" if number else headline.name, *cells)))
    return table


def _claims(summary: Mapping[str, Any]) -> Table:
    table = _table(*CLAIM)
    for row in claim_cells(summary):
        cells = (row["name"], f"{row['held']} of {row['of']}", row["bound"], row["mean"], row["worst"])
        table.add_row(*map(Text, cells), style="" if row["held"] == row["of"] else "red")
    return table


def _gates(fits: Mapping[str, Any]) -> Table:
    table = _table(*GATE)
    for row in fits["rows"]:
        numbers = [f"{row[key]:.4g}" if row[key] is not None else "–" for key in ("value", "limit")]
        result = "passed" if row["passed"] else "failed"
        cells = (row["date"], str(row["seed"]), row["gate"] or "–", result, *numbers, write(row["margin"], "percent"))
        table.add_row(*map(Text, cells), style="" if row["passed"] else "red")
    return table
