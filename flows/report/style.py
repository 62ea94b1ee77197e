"""How every figure of the report looks.

Colours are Okabe and Ito's (told apart by colour-blind readers too); text is sized for a page that is read on a phone.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, INK, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#1c1c1c",
    "#767676",
)
SEEDS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.4,
    "figure.dpi": 160,
}
PANELS = 4
"""Networks shown in a figure that has a panel for each."""


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    @wraps(draw)
    def drawn(*arguments: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*arguments)

    return drawn


def panels(count: int, *, height: float = 2.3) -> tuple[Figure, list[Axes]]:
    """Up to two panels side by side, as many rows as it takes."""
    columns = min(count, 2)
    rows = -(-count // columns)
    figure = Figure(figsize=(5.6, max(height * rows, 3.0)), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for spare in places[count:]:
        spare.remove()
    return figure, places[:count]
