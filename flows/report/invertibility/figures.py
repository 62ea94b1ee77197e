"""The figures of an invertibility study."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flows.report.invertibility.rows import NAMES, SHORT
from flows.report.robustness.figures import pixels
from flows.report.style import BLUE, GREY, INK, ORANGE, SKY, styled
from tasks.invertibility.invertible_training import CE, CONTROL, ICE

COLOURS = {CE: BLUE, CONTROL: SKY, ICE: ORANGE}
ALARM = "#B00020"


@styled
def gallery(shown: Mapping[str, Any]) -> Figure:
    """A column per pair: logits from, nuisance from, and each loss's metamer."""
    found = {each["model"] for each in shown["metamers"]}
    models = [name for name in NAMES if name in found]
    first = [each for each in shown["metamers"] if each["model"] == models[0]]
    heads = ["logits from", "nuisance from", *(f"metamer, {SHORT[name]}" for name in models)]
    figure = Figure(figsize=(1.1 + 0.62 * len(first), 0.95 * len(heads)), layout="constrained")
    places = figure.subplots(len(heads), len(first), squeeze=False)
    for axes, head in zip(places[:, 0], heads, strict=True):
        axes.set_ylabel(head, rotation=0, ha="right", va="center", fontsize=8)
    for column, pair in enumerate(first):
        for row, end in enumerate("ab"):
            image = pixels(shown["originals"][str(pair[end])], shown["shape"])
            _picture(places[row, column], image, shown["classes"][pair[f"label_{end}"]], INK)
    for row, name in enumerate(models, start=2):
        for column, made in enumerate(each for each in shown["metamers"] if each["model"] == name):
            colour = ALARM if made["vulnerable"] else GREY
            image = pixels(made["picture"], shown["shape"])
            _picture(places[row, column], image, shown["classes"][made["seen"]], colour)
    return figure


@styled
def strips(shown: Mapping[str, Any]) -> Figure:
    """For each loss a row per pair, between the two images themselves."""
    order = list(NAMES)
    ways = sorted((each for each in shown["metamers"] if each["strip"]), key=lambda way: order.index(way["model"]))
    between = [pixels(way["strip"], (-1, *shown["shape"])) for way in ways]
    steps = len(between[0])
    figure = Figure(figsize=(1.1 + 0.45 * (steps + 2), 0.5 * len(ways)), layout="constrained")
    places = figure.subplots(len(ways), steps + 2, squeeze=False)
    for row, way, images in zip(places, ways, between, strict=True):
        ends = [pixels(shown["originals"][str(way[end])], shown["shape"]) for end in "ab"]
        for axes, image in zip(row, [ends[0], *images, ends[1]], strict=True):
            _picture(axes, image, "", INK)
        row[0].set_ylabel(SHORT[way["model"]], rotation=0, ha="right", va="center")
    for axes, head in zip(places[0, [0, 1, -2, -1]], ("a", "nuisance\nof a", "nuisance\nof b", "b"), strict=True):
        axes.set_title(head, fontsize=8, loc="center", fontweight="normal")
    return figure


@styled
def readers(losses: Mapping[str, Mapping[str, Any]], classes: int) -> Figure:
    figure = Figure(figsize=(5.6, 2.8), layout="constrained")
    axes = figure.subplots()
    names = list(next(iter(losses.values()))["readers"])
    for place, (name, told) in enumerate(losses.items()):
        errors = [100 * told["readers"][reader]["test"] for reader in names]
        at = np.arange(len(names)) + 0.28 * (place - (len(losses) - 1) / 2)
        bars = axes.bar(at, errors, width=0.26, color=COLOURS[name], label=NAMES[name], alpha=0.45)
        bars[names.index(told["nuisance_reader"])].set_alpha(1.0)
        axes.bar_label(bars, fmt="%.1f", fontsize=7, padding=1)
        axes.axhline(100 * told["test_error"], color=COLOURS[name], linewidth=0.9, linestyle=":")
    guessing = 100 * (1 - 1 / classes)
    axes.axhline(guessing, color=GREY, linewidth=0.9, linestyle="--")
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set(ylabel="test error, %", ylim=(0, 1.08 * guessing))
    axes.grid(axis="x", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _picture(axes: Axes, image: np.ndarray, word: str, colour: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
    axes.set_xlabel(
        word,
        fontsize=8 if len(word) < 9 else 6,
        labelpad=1,
        color=colour,
        fontweight="bold" if colour == ALARM else "normal",
    )
