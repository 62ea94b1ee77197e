"""The figures of a parameter-diffusion run, one function each, from the plain numbers in its files."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from flows.report.style import BLUE, GREEN, GREY, INK, ORANGE, PANELS, PURPLE, SEEDS, panels, styled
from tasks.results.formatting import GENERATORS, percent

FEW = 5


@styled
def accuracy_distributions(original: Mapping[str, Any], generated: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One row per set: every model a dot (five or fewer: diamonds), the set's mean a bar, the originals' mean a line.

    The axis covers the originals and the generators; models far below are counted at its edge instead of flattening
    everything else.
    """
    rows = {"original": original, **{name: generated[name] for name in GENERATORS if name in generated}, **generated}
    values = {name: 100 * np.asarray(numbers["accuracies"]) for name, numbers in rows.items()}
    core = np.concatenate([values[name] for name in rows if name in ("original", *GENERATORS)])
    top = max(v.max() for v in values.values())
    span = max(top - core.min(), 1.0)
    low = max(min(v.min() for v in values.values()), core.min() - span) - 0.06 * span
    figure = Figure(figsize=(5.3, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    beside = axes.get_yaxis_transform()
    for place, (name, points) in enumerate(values.items()):
        colour = BLUE if name == "original" else ORANGE if name in GENERATORS else GREY
        inside = points[points >= low]
        if len(points) <= FEW:
            axes.plot(inside, [place] * len(inside), "D", color=colour, markersize=5.5, alpha=0.85, markeredgewidth=0)
        else:
            shade = float(np.clip(60 / len(points), 0.15, 0.7))
            crowd = place + _spread(inside, span)
            axes.plot(inside, crowd, "o", color=colour, alpha=shade, markersize=3, markeredgewidth=0)
            if points.mean() >= low:
                axes.plot([points.mean()] * 2, [place - 0.38, place + 0.38], color=INK, linewidth=2)
        if len(inside) < len(points):
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
            below = f"◂ {len(points) - len(inside)} below"
            axes.text(low + 0.015 * span, place, below, va="center", fontsize=8.5, color=colour, bbox=box)
        axes.text(1.02, place, percent(points.mean() / 100), transform=beside, va="center", fontsize=9)
    axes.text(1.02, -0.85, "mean", transform=beside, va="center", fontsize=9, color=GREY)
    axes.axvline(100 * original["mean"], color=BLUE, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.set_yticks(range(len(rows)), [f"{name}\n(n = {len(points)})" for name, points in values.items()])
    axes.tick_params(axis="y", length=0, labelsize=8.5)
    axes.set(xlabel="test accuracy, %", xlim=(low, top + 0.04 * span), ylim=(len(rows) - 0.5, -0.6))
    axes.grid(axis="y", visible=False)
    return figure


@styled
def loss_curves(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel per training stage, one line per seed, the loss on a logarithmic axis."""
    figure, places = panels(len(curves))
    for axes, (name, lines) in zip(places, curves.items(), strict=True):
        for number, line in enumerate(lines):
            axes.plot(line["x"], line["y"], color=SEEDS[number % len(SEEDS)], label=line["label"], linewidth=1.2)
        if all(y > 0 for line in lines for y in line["y"]):
            axes.set_yscale("log")
        axes.set(title=name, xlabel=lines[0]["x_label"], ylabel=lines[0]["y_label"])
    if len(next(iter(curves.values()))) > 1:
        places[0].legend(handlelength=1.2)
    return figure


@styled
def parameter_space(pca: Sequence[Mapping[str, Any]]) -> Figure:
    """The plane of the snapshots' two leading principal components, a panel per seed (the first four).

    The originals are joined in the order of training, light to dark.
    """
    shown = pca[:PANELS]
    figure, places = panels(len(shown), height=2.6)
    marks: dict[str, dict[str, Any]] = {
        "gaussian": {"color": GREEN, "marker": "x", "s": 14, "linewidths": 0.8, "alpha": 0.55},
        "held_out": {"facecolors": "none", "edgecolors": BLUE, "marker": "s", "s": 16, "linewidths": 0.9},
        "latent_ddpm": {"color": ORANGE, "marker": "o", "s": 9, "alpha": 0.6, "linewidths": 0},
        "gram_pca": {"color": PURPLE, "marker": "^", "s": 12, "alpha": 0.6, "linewidths": 0},
        "mean": {"color": INK, "marker": "D", "s": 42, "edgecolors": "white", "zorder": 5},
    }
    for axes, plane in zip(places, shown, strict=True):
        path = np.asarray(plane["groups"]["original"])
        shades = matplotlib.colormaps["Blues"](np.linspace(0.3, 1.0, len(path)))
        steps = [index for index in range(1, len(path)) if index not in plane["begins"]]  # no line between two runs
        lines = [path[index - 1 : index + 1] for index in steps]
        axes.add_collection(LineCollection(lines, colors=shades[steps], linewidths=0.8))
        axes.scatter(path[:, 0], path[:, 1], c=shades, s=9, linewidths=0, label="original", zorder=2)
        for name, mark in marks.items():
            if points := plane["groups"].get(name):
                x, y = np.asarray(points).T
                axes.scatter(x, y, label=name, **{"zorder": 3, **mark})
        across, up = (f"{100 * share:.0f} %" for share in plane["explained"][:2])
        axes.set(title=f"seed {plane['seed']}", xlabel=f"component 1 ({across})", ylabel=f"component 2 ({up})")
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, handletextpad=0.2, columnspacing=1.0)
    return figure


@styled
def snapshot_accuracy(snapshots: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy of each snapshot when it was taken; where writing it back gave another one, a dot for that."""
    figure, (axes,) = panels(1, height=3.1)
    for number, run in enumerate(snapshots):
        colour = SEEDS[number % len(SEEDS)]
        epoch, taken, back = (np.asarray(run[key]) for key in ("epoch", "accuracy", "accuracy_reloaded"))
        axes.plot(epoch, 100 * taken, color=colour, label=f"seed {run['seed']}", linewidth=1.1, alpha=0.85)
        other = taken != back
        axes.plot(epoch[other], 100 * back[other], "o", color=colour, markersize=3, markeredgewidth=0)
    if any(run["accuracy"] != run["accuracy_reloaded"] for run in snapshots):
        axes.plot([], [], "o", color=GREY, markersize=3, label="written back")
    axes.set(xlabel="epoch", ylabel="accuracy, %")
    axes.legend(ncols=2, handlelength=1.2, columnspacing=1.0)
    return figure


def _spread(points: np.ndarray, span: float) -> np.ndarray:
    """Vertical offsets that make a crowd as wide as it is dense, so that a row of dots shows its distribution."""
    if len(points) == 0:
        return points
    counts, edges = np.histogram(points, bins=np.arange(points.min(), points.max() + 2 * span / 60, span / 60))
    crowd = counts[np.searchsorted(edges, points, side="right") - 1] / counts.max()
    return (0.04 + 0.3 * crowd) * np.random.default_rng(0).uniform(-1, 1, len(points))
