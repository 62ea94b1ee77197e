"""The last stages of a run: the page that people look at, the entry in MLflow, the table in Prefect."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.report.chapter import chapter_of
from flows.report.table import markdown
from flows.studies import STUDIES
from storage.tracking.children import Child
from storage.tracking.runs import log_run
from tasks.runtime.stage import stage


@stage
def report(folder: str, *, redraw: bool = True) -> str:
    """Draws the figures and writes `report.html` from the run's JSON files; returns its path.

    redraw: also figures that are there, as after a night's studies, which have drawn theirs.
    """
    # Imported here, because Matplotlib takes a second or two, and nothing is drawn before a run ends.
    from flows.report.page import build

    return str(build(Path(folder), redraw=redraw))


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """Child runs in MLflow; of a table of nights none."""
    if summary["study"] in STUDIES:
        yield from chapter_of(summary["study"]).children(summary)


@stage
def track(folder: str, home: str, nightly: str | None) -> str:
    """Logs the run to MLflow; returns MLflow's id of it."""
    return log_run(Path(folder), home=Path(home), nightly=nightly, children=children)


def artifact(folder: str) -> None:
    """The final table as an artifact of the flow run, where there is one."""
    from prefect.artifacts import create_markdown_artifact
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is not None:
        summary = json.loads((Path(folder) / "summary.json").read_text())
        key = f"{summary['study']}-table".replace("_", "-")
        create_markdown_artifact(markdown(summary), key=key, description=summary.get("verdict"))
