"""What a chapter of the page is made of, whichever study it tells of."""

import dataclasses
import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from flows.report.tables import Table
from flows.studies import STUDIES
from methods.errors import BadData
from storage.tracking.children import Child

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure and the sentences below it; `name` is its file in `figures/`."""

    name: str
    title: str
    caption: str
    figure: "Figure"


class Chapter(Protocol):
    """A study's module in this room, beside a template of the study's name; both also read what a failed run left."""

    def plots(self, summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
        """The figures for which the run left numbers."""

    def content(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What the study's template needs besides the summary."""

    def table(self, summary: Mapping[str, Any]) -> Table | None:
        """The final table; None where there is nothing to show."""

    def children(self, summary: Mapping[str, Any]) -> Iterator[Child]:
        """The child runs of the run in MLflow: one per set of models, attack, transplant, loss, strategy or method."""


def chapter_of(study: str) -> Chapter:
    """Raises `BadData` for a study that the report has no chapter for."""
    if study not in STUDIES:
        raise BadData(
            problem=f"this is a run of {study!r}, and the report has no chapter for such a study",
            remedy="studies with a chapter: " + ", ".join(STUDIES),
        )
    return cast(Chapter, importlib.import_module(STUDIES[study].chapter))
