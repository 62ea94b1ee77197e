"""The final table of a run: for the terminal, and as Markdown for Prefect's page of artifacts."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from flows.report.chapter import chapter_of
from flows.report.nights.table import nights_table
from flows.report.tables import plain
from tasks.results.formatting import duration


def render(summary: Mapping[str, Any]) -> RenderableType:
    """Caution, verdict (or the error of a failed run) and table, as something that `rich.print` takes."""
    shown = _render(summary)
    return Group(Text(summary["caution"], "bold yellow"), shown) if summary.get("caution") else shown


def _render(summary: Mapping[str, Any]) -> RenderableType:
    if summary["study"] == "nightly":
        return _studies(summary)
    if summary["study"] == "nights":
        return nights_table(summary)
    failed = summary["state"] == "failed"
    head = Text(summary["error"] or "failed", "red") if failed else Text(summary["verdict"], "bold")
    table = chapter_of(summary["study"]).table(summary)
    return head if table is None else Group(head, table.rendered())


def _studies(summary: Mapping[str, Any]) -> RenderableType:
    table = RichTable("study", "state", "time", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, study in summary["studies"].items():
        colour = "red" if study["state"] == "failed" else ""
        table.add_row(Text(name), Text(study["state"], colour), duration(study["seconds"]))
    return table


def markdown(summary: Mapping[str, Any]) -> str:
    """Verdict and table in GitHub's Markdown."""
    failed = summary["state"] == "failed"
    lines = [f"**Failed.** {plain(summary['error'] or '')}" if failed else f"**{plain(summary['verdict'])}**"]
    if summary.get("caution"):
        lines = [f"> {plain(summary['caution'])}", "", *lines]
    table = chapter_of(summary["study"]).table(summary)
    return "\n".join(lines if table is None else [*lines, *table.markdown()]) + "\n"
