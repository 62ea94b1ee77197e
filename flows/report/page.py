"""The page of a run: one self-contained HTML file, a function of what the run left in its folder."""

import base64
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.report import shortfalls
from flows.report.chapter import Plot, chapter_of
from flows.report.claims import claim_rows
from flows.report.nights import page as nights
from methods.errors import BadData
from storage.files import publish
from storage.tracking.values import parameters
from tasks.results import formatting as words


def build(folder: Path, *, redraw: bool = True) -> Path:
    """Write `figures/*.png` and `report.html` into the folder of a study run or of a nightly; returns the page's path.

    The files of a nightly's studies are read below it, and their figures drawn where the studies lie; `redraw`: also
    those that are there. A failed run gets a page that says why. Raises `BadData` if a summary is missing, unreadable,
    or of a study without a chapter.
    """
    summary = _read(folder / "summary.json")
    if summary["study"] == "nights":
        figures = _figures(folder, nights.plots(summary), redraw)
        return _write(folder, "nights.html.jinja", summary=summary, figures=figures, content=nights.content(summary))
    if summary["study"] == "nightly":
        studies = {name: folder / study["path"] for name, study in summary["studies"].items()}
        chapters = [_chapter(below, redraw) for below in studies.values() if (below / "summary.json").is_file()]
    else:
        chapters = [_chapter(folder, redraw)]
    started: dict[str, Any] = {name: {} for name in summary["studies"]} if summary["study"] == "nightly" else {}
    claims = claim_rows(started | {each["summary"]["study"]: each["summary"] for each in chapters})
    return _write(folder, "page.html.jinja", summary=summary, chapters=chapters, claims=claims)


def _write(folder: Path, template: str, **values: Any) -> Path:
    page = _environment().get_template(template).render(**values)
    publish(folder / "report.html", lambda path: path.write_text(page, encoding="utf-8"))
    return folder / "report.html"


def _chapter(folder: Path, redraw: bool) -> dict[str, Any]:
    summary = _read(folder / "summary.json")
    study = summary["study"]
    chapter = chapter_of(study)
    files = (folder / "details.json", folder / "config.json")  # a run that failed early has not written both
    details, config = (_read(path) if path.is_file() else {} for path in files)
    return {
        "summary": summary,
        "config": parameters(config),
        "references": details.get("references", {}),
        "figures": _figures(folder, chapter.plots(summary, details), redraw),
        "content": chapter.content(summary),
        "unfit": shortfalls.rows(summary),
    }


def _figures(folder: Path, plots: Sequence[Plot], redraw: bool) -> list[dict[str, str]]:
    figures = []
    for plot in plots:
        path = folder / "figures" / f"{plot.name}.png"
        if redraw or not path.is_file():
            publish(path, partial(plot.figure.savefig, format="png"))
        address = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
        figures.append({"title": plot.title, "caption": plot.caption, "address": address})
    return figures


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise BadData(
            problem=f"{path} cannot be read: {error}",
            remedy="pass the folder of a run that has ended: HOME/runs/RUN_ID",
        ) from error


def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for write in (words.number, words.duration, words.size, words.moment, words.phrase, words.percent):
        environment.filters[write.__name__] = write
    return environment
