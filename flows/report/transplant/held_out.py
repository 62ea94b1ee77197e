"""The part of a transplant's chapter about networks that a generator never saw: a table and a figure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from flows.report.chapter import Plot
from flows.report.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, styled
from tasks.results.formatting import interval, percent, signed
from tasks.results.unfit import UNFIT
from tasks.unseen.held_out_rows import EXPECTED, GENERATOR, MEAN_OF_ALIGNED, READOUT, REAL, RECIPIENT
from tasks.unseen.summarise_held_out import OWN

NAMES = {
    GENERATOR: ("generated", "from what each unit shows; no row of the network was seen"),
    REAL: ("real rows, aligned", "snapshots of the training networks, their units matched by activations"),
    MEAN_OF_ALIGNED: ("mean of aligned rows", "of all training networks, one model a network"),
    READOUT: ("linear readout", "the head in closed form from the same images; norms at their level elsewhere"),
    EXPECTED: ("expected row", "the generator without diffusion, one model a network"),
    OWN: ("own rows", "snapshots of the network itself: what generation has to replace"),
    RECIPIENT: ("untouched", "the network as it was trained"),
}
CLOUDS = {GENERATOR: ORANGE, REAL: BLUE, OWN: GREY}
POINTS = {MEAN_OF_ALIGNED: ("s", SKY), READOUT: ("D", GREEN), EXPECTED: ("X", INK), RECIPIENT: ("*", PURPLE)}


def plots(summary: Mapping[str, Any]) -> list[Plot]:
    if not summary.get("held_out"):
        return []
    caption = (
        "A column per network that the generator never saw, named by its seed; a small dot per model, a bar for their "
        "mean. Larger marks are single models."
    )
    figure = networks(summary["held_out_facts"]["per_seed"])
    return [Plot(name="held_out", title="Networks never seen", caption=caption, figure=figure)]


@styled
def networks(per_seed: Mapping[str, Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(5.8, 3.9), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for place, told in enumerate(per_seed.values()):
        for column, (name, colour) in enumerate(CLOUDS.items()):
            if UNFIT in told[name]:
                continue
            values, centre = 100 * np.asarray(told[name]["accuracies"]), place + 0.24 * (column - 1)
            label = NAMES[name][0] if place == 0 else None
            beside = centre + 0.14 * (rng.random(len(values)) - 0.5)
            axes.plot(beside, values, "o", color=colour, markersize=2.5, alpha=0.45, markeredgewidth=0, label=label)
            axes.plot([centre - 0.09, centre + 0.09], [values.mean()] * 2, color=INK, linewidth=1.6)
        for column, (name, (mark, colour)) in enumerate(POINTS.items()):
            if UNFIT in told[name]:
                continue
            label = NAMES[name][0] if place == 0 else None
            x = place + 0.12 * (column - 1.5)
            axes.plot(
                [x], [100 * told[name]["mean"]], mark, color=colour, markersize=7, markeredgecolor=INK, label=label
            )
    axes.set_xticks(range(len(per_seed)), list(per_seed))
    axes.set(xlabel="network (seed)", ylabel="test accuracy, %", xlim=(-0.5, len(per_seed) - 0.5))
    axes.grid(axis="x", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=4, fontsize=8)
    return figure


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing where the study has no such networks."""
    if not summary.get("held_out"):
        return {}
    told, facts = summary["held_out"], summary["held_out_facts"]
    fitted, tested = len(facts["training_seeds"]), len(facts["held_out_seeds"])
    return {
        "told": (
            f"Fitted on the rows of {fitted} networks, written into {tested} others. The generator is told what each "
            "hidden unit next to the kept layers shows on labelled training images while those layers are at the same "
            f"values in every network. {_spread(facts['spread_ratio'])}Matched units of other networks correlate at "
            f"{facts['matched_correlation']:.2f}."
        ),
        "rows": [_row(name, told[name], facts["differences"].get(name)) for name in NAMES if name in told],
    }


def _spread(ratio: float | None) -> str:
    return "" if ratio is None else f"Generated rows vary {ratio:.2f} times as much as the networks’ own. "


def _row(name: str, told: Mapping[str, Any], gap: Mapping[str, Any] | None) -> dict[str, str]:
    title, meaning = NAMES[name]
    role = "generator" if name == GENERATOR else "original" if name in (OWN, RECIPIENT) else "baseline"
    if UNFIT in told:
        blank = dict.fromkeys(("std", "worst", "best", "difference", "ends"), "")
        return {"name": title, "meaning": meaning, "role": role, "n": "0", "mean": UNFIT, **blank}
    numbers = {key: percent(told[key]) for key in ("mean", "std", "worst", "best")}
    return {
        "name": title,
        "meaning": meaning,
        "role": role,
        "n": str(told["n"]),
        **numbers,
        "difference": signed(gap["difference"]) if gap else "",
        "ends": interval(gap["ci95"], signed) if gap else "",
    }
