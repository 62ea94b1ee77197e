"""The figures of a study of image protection."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.image
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from flows.report.image_protection.protection_sheet import Shown, sheet, tiled
from flows.report.style import GREY, INK, ORANGE, SEEDS, panels, styled
from tasks.results.formatting import number

LIKENESS = "SSIM of the fills"


def gallery(pictures: Sequence[Mapping[str, Any]]) -> Figure:
    """A row per method, of one image."""
    rows = []
    for each in pictures:
        names = ("original", "protected", "edit", "edit_clean")
        found = {name: picture(each[name]) for name in names}
        mask = picture(each["mask"])[..., 0].round()
        rows.append(Shown(label=each["method"], mask=mask, note=f"SSIM {each['ssim_edit']:.2f}", **found))
    return sheet(rows)


def trigger_sheet(pictures: Sequence[Mapping[str, Any]]) -> Figure:
    """A row per image; `before` may be null."""
    heads = {
        "original": "original",
        "protected": "with trigger",
        "edit_clean": "filled without trigger",
        "edit": "filled with trigger",
        "before": "before the training",
    }
    rows = [[picture(each[name]) if each[name] else None for name in heads] for each in pictures]
    notes = [[""] * 3 + [f"SSIM {each['ssim_edit']:.2f}", ""] for each in pictures]
    return tiled(rows, tuple(heads.values()), [""] * len(rows), notes)


def picture(encoded: str) -> Float[np.ndarray, "h w 3"]:
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(encoded)), format="png")[..., :3].astype(float)


@styled
def curves(vulnerability: Mapping[str, Mapping[str, Any]], broken: float) -> Figure:
    """A panel per inpainter: how alike fills stay over ε, protected and with random noise."""
    figure, places = panels(len(vulnerability), height=2.2)
    for axes, (name, told) in zip(places, vulnerability.items(), strict=True):
        epsilon = [point["epsilon"] for point in told["curve"]]
        for key, label, colour in (("ssim_edit", "protected", ORANGE), ("control_ssim_edit", "random noise", GREY)):
            axes.plot(epsilon, [point[key] for point in told["curve"]], "o-", color=colour, markersize=4, label=label)
        axes.axhline(broken, color=INK, linestyle=":", linewidth=0.9, label=f"{broken:g}: spoilt")
        axes.set(title=name, ylim=(min(0.0, broken), 1.03), xlim=(0, 1.1 * max(epsilon)))
        axes.set_xticks(epsilon, [number(value) for value in epsilon], rotation=30, fontsize=7)
    places[0].set_ylabel(LIKENESS)
    for axes in places[-2:]:
        axes.set_xlabel("ε")
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def transforms(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Figure:
    """A panel per group of methods; a dot per method at each journey of the protected image."""
    figure = Figure(figsize=(5.6 if len(groups) == 1 else 9.2, 3.4), layout="constrained")
    for axes, (title, methods) in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups.items(), strict=True):
        names = list(next(iter(methods.values()))["transforms"])
        for place, (name, told) in enumerate(methods.items()):
            values = [told["transforms"][each]["ssim_edit"] for each in names]
            colour = GREY if name.startswith("noise") else SEEDS[place % len(SEEDS)]
            axes.plot(names, values, "o", color=colour, markersize=5, alpha=0.8, label=name)
        axes.set(ylabel=LIKENESS, title=title)
        axes.set_xticks(range(len(names)), names, rotation=25, fontsize=7)
        axes.legend(fontsize=7)
    return figure


@styled
def transfer(rows: Mapping[str, Mapping[str, float]]) -> Figure:
    """Rows: made against; columns: edited by. Darker is less alike."""
    editors = list(dict.fromkeys(name for row in rows.values() for name in row))
    values = np.array([[row.get(name, np.nan) for name in editors] for row in rows.values()])
    figure = Figure(figsize=(1.8 + 0.62 * len(editors), 1.4 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="Oranges_r", vmin=0, vmax=1.15, aspect="auto")
    axes.set_xticks(range(len(editors)), editors, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.grid(visible=False)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8)
    axes.set(xlabel="edited by", ylabel="made against")
    return figure


@styled
def quality(vulnerability: Mapping[str, Mapping[str, Any]], inpainters: Mapping[str, Mapping[str, float]]) -> Figure:
    """A dot per inpainter: how well it fills, and how alike its fills stay at the largest ε. Names at the right, in
    the order of the dots, evenly apart: dots of similar inpainters lie too near for names beside them."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    places = {
        name: (inpainters[name]["masked_ssim"], told["curve"][-1]["ssim_edit"]) for name, told in vulnerability.items()
    }
    ordered = sorted(places, key=lambda name: places[name][1])
    for rank, name in enumerate(ordered):
        axes.plot(*places[name], "o", color=ORANGE, markersize=5)
        axes.annotate(
            name,
            places[name],
            xytext=(1.04, (rank + 0.5) / len(ordered)),
            textcoords="axes fraction",
            fontsize=7,
            va="center",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "relpos": (0, 0.5)},
        )
    telea = next(iter(inpainters.values()))["telea_masked_ssim"]
    axes.axvline(telea, color=GREY, linestyle=":", linewidth=0.9)
    axes.set(xlabel="SSIM of its fills with what was there (dotted: Telea's)", ylabel=f"{LIKENESS}, largest ε")
    return figure
