"""The figures of a transplant study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from flows.report.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, styled
from tasks.results.formatting import percent
from tasks.results.unfit import UNFIT

COLOURS = {"collected": BLUE, "generated": ORANGE}
UNITS = {"as_is": "as they are", "aligned": "by activations", "aligned_weights": "by weights", "stitched": "linear map"}
MARKS = {"as_is": "x", "aligned": "o", "aligned_weights": "^", "stitched": "s"}
BINS = np.linspace(0, 100, 51)


@styled
def histograms(transplants: Mapping[str, Any], recipients: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(5.8, 1.0 + 1.45 * len(transplants)), layout="constrained")
    shown = {kind: units for kind, units in UNITS.items() if any(kind in told for told in _kinds(transplants))}
    places = figure.subplots(len(transplants), len(shown), sharex=True, sharey=True, squeeze=False)
    for line, (name, sources) in zip(places, transplants.items(), strict=True):
        for axes, (kind, units) in zip(line, shown.items(), strict=True):
            if axes in places[0]:
                axes.set_title(units)
            told = {source: kinds[kind] for source, kinds in sources.items() if kind in kinds}
            if not told:  # nothing is stitched into the donor itself
                axes.set_axis_off()
                continue
            for source, numbers in told.items():
                if UNFIT in numbers:
                    continue
                values = 100 * np.asarray(numbers["accuracies"])
                shares = np.full(len(values), 100 / len(values))
                axes.hist(values, BINS, weights=shares, color=COLOURS[source], alpha=0.55, label=source)
            if UNFIT not in recipients[name]:
                axes.axvline(100 * recipients[name]["clean_accuracy"], color=INK, linewidth=0.9, linestyle=":")
            mean = " / ".join(UNFIT if UNFIT in each else percent(each["mean"]) for each in told.values())
            axes.text(0.04, 0.94, mean, transform=axes.transAxes, va="top", fontsize=7)
            axes.set(xlim=(0, 100))
            if axes in places[-1]:
                axes.set_xlabel("accuracy, %")
        line[0].set_ylabel(f"{name}\n% of models")
    figure.legend(*places[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _kinds(transplants: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [kinds for sources in transplants.values() for kinds in sources.values()]


@styled
def causes(told: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(5.6, 0.9 + 0.42 * len(told)), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for place, numbers in enumerate(told.values()):
        if UNFIT in numbers:
            axes.text(1.02, place, UNFIT, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
            continue
        values = 100 * np.asarray(numbers["accuracies"])
        beside = place + 0.5 * (rng.random(len(values)) - 0.5)
        colour = BLUE if place == 0 else ORANGE
        shade = float(np.clip(60 / len(values), 0.1, 0.7))
        axes.plot(values, beside, "o", color=colour, markersize=3, alpha=shade, markeredgewidth=0)
        axes.plot([values.mean()] * 2, [place - 0.38, place + 0.38], color=INK, linewidth=2)
        mean = percent(numbers["mean"])
        axes.text(1.02, place, mean, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.set_yticks(range(len(told)), [name.replace("_", " ") for name in told])
    axes.set(xlabel="test accuracy, %", xlim=(0, 102), ylim=(len(told) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    return figure


@styled
def backdoor(models: Mapping[str, Mapping[str, Sequence[float]]], recipient: Mapping[str, float]) -> Figure:
    """Collected and generated models side by side, fine-tuned ones and the untouched network in both."""
    figure = Figure(figsize=(5.8, 3.3), layout="constrained")
    places = figure.subplots(1, 2, sharex=True, sharey=True)
    hues = dict(zip(UNITS, (GREY, ORANGE, PURPLE, BLUE), strict=True))
    for axes, source in zip(places, COLOURS, strict=True):
        for kind, units in UNITS.items():
            if f"{source} {kind}" in models:
                _dots(axes, models[f"{source} {kind}"], MARKS[kind], hues[kind], f"transplanted, {units}")
        if "fine_tuned" in models:
            _dots(axes, models["fine_tuned"], "D", GREEN, "fine-tuned")
        own = (100 * recipient["clean_accuracy"], 100 * recipient["asr"])
        axes.plot(*own, "*", color=SKY, markersize=13, markeredgecolor=INK, label="untouched")
        axes.set(title=source, xlabel="clean accuracy, %", xlim=(0, 102), ylim=(-3, 104))
    places[0].set_ylabel("attack success, %")
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _dots(axes: Any, found: Mapping[str, Sequence[float]], mark: str, colour: str, label: str) -> None:
    x, y = (100 * np.asarray(found[name]) for name in ("accuracy", "asr"))
    shade = float(np.clip(80 / len(x), 0.15, 0.8))
    axes.plot(x, y, mark, color=colour, markersize=4, alpha=shade, label=label)
