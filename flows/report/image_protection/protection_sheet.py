"""Protected images to look at, a row each: what they were, the noise, and what an editor makes of either."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from flows.report.style import INK, styled

Picture = Float[np.ndarray, "h w 3"]
"""In [0, 1]."""
HEADS = ("original", "region", "protected", "noise × 20", "original, edited", "protected, edited")
ENLARGED = 20
REGION = (0.85, 0.15, 0.1)
"""The colour that a region is shown in."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row. label: what stands on its left. note: below the edit of the protected image."""

    label: str
    original: Picture
    mask: Float[np.ndarray, "h w"]
    protected: Picture
    edit_clean: Picture
    edit: Picture
    note: str


def sheet(rows: Sequence[Shown]) -> Figure:
    notes = [[""] * (len(HEADS) - 1) + [row.note] for row in rows]
    return tiled([pictures(row) for row in rows], HEADS, [row.label for row in rows], notes)


@styled
def tiled(
    rows: Sequence[Sequence[Picture | None]],
    heads: Sequence[str],
    labels: Sequence[str],
    notes: Sequence[Sequence[str]],
) -> Figure:
    """A column per head, a label on the left of each row, a note below each picture; nothing where there is none."""
    tallest = max(picture.shape[0] / picture.shape[1] for row in rows for picture in row if picture is not None)
    figure = Figure(figsize=(9.2, 0.35 + len(rows) * (7.2 / len(heads) * tallest + 0.2)), layout="constrained")
    places = figure.subplots(len(rows), len(heads), squeeze=False)
    for axes, row, label, below in zip(places, rows, labels, notes, strict=True):
        for place, picture, note in zip(axes, row, below, strict=True):
            if picture is not None:
                place.imshow(picture, interpolation="nearest")
            place.set(xticks=[], yticks=[])
            place.grid(visible=False)
            place.spines[:].set_visible(False)
            place.set_xlabel(note, fontsize=8, labelpad=2, color=INK)
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    for place, head in zip(places[0], heads, strict=True):
        place.set_title(head, fontsize=8, loc="center")
    return figure


def pictures(row: Shown) -> tuple[Picture, ...]:
    noise = np.clip(0.5 + ENLARGED * (row.protected - row.original), 0, 1)
    veil = 0.6 * row.mask[..., None]
    region = (1 - veil) * row.original + veil * np.array(REGION)
    return row.original, region, row.protected, noise, row.edit_clean, row.edit
