"""The figures of the audit: accuracy against novelty, nearest neighbours, shared errors; one panel per network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flows.report.style import BLUE, GREEN, GREY, INK, ORANGE, PANELS, PURPLE, SKY, panels, styled
from tasks.results.formatting import GENERATORS


@styled
def accuracy_against_novelty(networks: Sequence[Mapping[str, Any]]) -> Figure:
    """The generator's models as dots, every set's mean as a mark, the noise sweep as a line from the originals on."""
    shown = networks[:PANELS]
    figure, axes = panels(len(shown), height=2.8)
    for place, network in zip(axes, shown, strict=True):
        sets = {name: each for name, each in network["sets"].items() if name != "held_out"}
        noises = {name: each for name, each in sets.items() if name.startswith("noise_")}
        path = sorted((np.mean(each["novelty"]), 100 * np.mean(each["accuracy"])) for each in noises.values())
        place.plot(*np.asarray(path).T, color=GREY, marker=".", linewidth=1.2, label="noise sweep", zorder=1)
        for name, each in sets.items():
            x, y = np.asarray(each["novelty"]), 100 * np.asarray(each["accuracy"])
            if name in GENERATORS:
                place.plot(x, y, "o", color=ORANGE, alpha=0.25, markersize=3, markeredgewidth=0, zorder=2)
            if name not in noises:
                place.plot([x.mean()], [y.mean()], **_mark(name), label=name, zorder=4)
        top = max(100 * np.mean(each["accuracy"]) for each in sets.values())
        generated = [100 * np.asarray(each["accuracy"]) for name, each in sets.items() if name in GENERATORS]
        floor = min(values.min() for values in (*generated, np.asarray([y for _, y in path[:-1]] or [top])))
        margin = max(0.1 * (top - floor), 0.2)
        place.set(title=f"seed {network['seed']}", xlabel="novelty of errors", ylabel="test accuracy, %")
        place.set_ylim(floor - margin, max([top, *(values.max() for values in generated)]) + margin)
    _legend(figure, axes[0])
    return figure


@styled
def nearest_distances(networks: Sequence[Mapping[str, Any]]) -> Figure:
    """Cumulative shares of models by the distance to their nearest train row, held-out rows beside generated ones."""
    shown = networks[:PANELS]
    figure, axes = panels(len(shown), height=2.6)
    for place, network in zip(axes, shown, strict=True):
        for name, each in network["sets"].items():
            if name in GENERATORS or name in ("held_out", "gaussian", "interpolate"):
                distances = np.sort(each["distances"])
                shares = np.arange(1, len(distances) + 1) / len(distances)
                place.step(distances, 100 * shares, where="post", label=name, color=_mark(name)["color"])
        place.set(title=f"seed {network['seed']}", xlabel="distance, z-scored", ylabel="models, %", ylim=(0, 100))
        place.set_xlim(left=0)
    _legend(figure, axes[0])
    return figure


@styled
def shared_errors(networks: Sequence[Mapping[str, Any]]) -> Figure:
    """Error IoU of all pairs among some originals (in the order of training) and some generated models."""
    shown = networks[:PANELS]
    figure, axes = panels(len(shown), height=2.6)
    for place, network in zip(axes, shown, strict=True):
        errors = network["shared_errors"]
        matrix, border = np.asarray(errors["matrix"]), errors["originals"] - 0.5
        picture = place.imshow(matrix, cmap="viridis", vmin=0, vmax=100, interpolation="nearest")
        place.axhline(border, color="white", linewidth=1.2)
        place.axvline(border, color="white", linewidth=1.2)
        middles = [border / 2, (border + len(matrix)) / 2]
        place.set_xticks(middles, ["originals", "generated"])
        place.set_yticks(middles, ["originals", "generated"], rotation=90, va="center")
        place.tick_params(length=0)
        place.grid(visible=False)
        place.set_title(f"seed {network['seed']}")
    figure.colorbar(picture, ax=axes, label="error IoU, %", shrink=0.8)
    return figure


def _mark(name: str) -> dict[str, Any]:
    if name in GENERATORS:
        return {"color": ORANGE, "marker": "o", "markersize": 8, "markeredgecolor": "white", "linestyle": ""}
    colour, marker = {
        "held_out": (BLUE, "s"),
        "mean": (INK, "D"),
        "average_of_16": (INK, "^"),
        "interpolate": (PURPLE, "v"),
        "gaussian": (GREEN, "X"),
        "retrieve": (BLUE, "P"),
        "reconstruct": (SKY, "<"),
        "reconstruct_noisy": (SKY, ">"),
    }.get(name, (GREY, "."))
    return {"color": colour, "marker": marker, "markersize": 7, "markeredgecolor": "white", "linestyle": ""}


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.0)
