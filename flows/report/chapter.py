"""What a chapter of the page is made of, whichever study it tells of."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure and the sentences below it; `name` is its file in `figures/`."""

    name: str
    title: str
    caption: str
    figure: Figure


class Chapter(Protocol):
    """A study's module in this room, beside a template of the study's name; both also read what a failed run left."""

    def plots(self, summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
        """The figures for which the run left numbers."""

    def content(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What the study's template needs besides the summary."""
