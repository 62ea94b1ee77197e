"""The chapter of a study of collection strategies: one table, and one picture of what each is good for."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure

from flows.report.chapter import Plot
from flows.report.style import BLUE, GREEN, INK, ORANGE, styled
from flows.report.tables import Table
from storage.tracking.children import Child, unfit_child
from storage.tracking.values import metrics
from tasks.results.formatting import interval, meaning, percent, phrase
from tasks.results.unfit import UNFIT

GROUPS = {"original": ("collected", BLUE, "o"), "generated": ("generated", ORANGE, "s")}
GROUPS |= {"transplanted": ("generated, in another network", GREEN, "D")}
"""Accuracies in the picture: words, colour and mark."""


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    told = summary.get("strategies", {})
    if not told:
        return []
    caption = (
        "Left: mean test accuracy with the central 90 % of the models, of collected rows written back into the network "
        "that they began from, of generated rows in the same, and of generated rows in a network of another seed after "
        "its hidden units were matched. Right: diversity, the distance of two collected rows over the length of one; "
        "at 1.41 they have no direction in common."
    )
    return [Plot(name="strategies", title="What each strategy is good for", caption=caption, figure=_figure(told))]


@styled
def _figure(told: Mapping[str, Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(5.6, 1.2 + 0.42 * len(told)), layout="constrained")
    labelled: set[str] = set()
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.2, 1))
    for place, numbers in enumerate(told.values()):
        for below, (key, (words, colour, mark)) in enumerate(GROUPS.items()):
            label = words if key not in labelled else None
            if UNFIT in numbers[key]:
                continue
            labelled.add(key)
            values = sorted(numbers[key]["accuracies"])
            low, high = values[round(0.05 * (len(values) - 1))], values[round(0.95 * (len(values) - 1))]
            y = place + 0.24 * (below - 1)
            left.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=1.2, alpha=0.6)
            left.plot(100 * numbers[key]["mean"], y, mark, color=colour, markersize=4.5, label=label)
    right.barh(range(len(told)), [numbers["diversity"] for numbers in told.values()], height=0.5, color=INK, alpha=0.7)
    left.set_yticks(range(len(told)), list(told))
    left.invert_yaxis()
    left.set(xlabel="test accuracy, %", xlim=(-2, 102))
    right.set(xlabel="diversity")
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3, columnspacing=1.0)
    return figure


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    rows = [_row(name, numbers) for name, numbers in summary.get("strategies", {}).items()]
    failed = {name: each["error"] for name, each in summary.get("failed_strategies", {}).items()}
    moved = {name: each for name, each in summary.get("strategies", {}).items() if "backdoor" in each}
    return {
        "rows": rows,
        "failed": failed,
        "elsewhere": [_elsewhere(name, numbers) for name, numbers in moved.items()],
        "host": _host(next(iter(moved.values()))["backdoor"]["recipient"]) if moved else "",
    }


def _elsewhere(name: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    done = {each["name"]: each for each in numbers["backdoor"]["defences"]}
    clean = ("transplanted", "transplanted_as_is", "collected_transplanted")
    return {
        "name": name,
        "clean": [_mean(numbers[key]) for key in clean],
        "backdoored": [_left(done.get(key)) for key in ("generated aligned", "collected aligned", "fine_tuned")],
        "defences": [phrase(name).lower() for name, each in done.items() if each["defence"]],
    }


def _mean(numbers: Mapping[str, Any]) -> str:
    return UNFIT if UNFIT in numbers else percent(numbers["mean"])


def _left(numbers: Mapping[str, Any] | None) -> tuple[str, str]:
    """Clean accuracy and ASR."""
    return (percent(numbers["clean_accuracy"]), percent(numbers["asr"])) if numbers else (UNFIT, "")


def _host(recipient: Mapping[str, float]) -> str:
    clean, asr = percent(recipient["clean_accuracy"]), percent(recipient["asr"])
    return f"The backdoored network as it is: clean {clean}, ASR {asr}."


def _row(name: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    told = ("original", "generated", "transplanted")
    return {
        "name": name,
        "meaning": meaning(name),
        "rows": numbers["rows"],
        "diversity": f"{numbers['diversity']:.3f}",
        "live": percent(numbers["live"]),
        **{key: _mean(numbers[key]) for key in told},
        **{f"{key}_ends": "" if UNFIT in numbers[key] else interval(numbers[key]["ci95"]) for key in told},
        "std": percent(numbers["original"]["std"]),
        "mean": percent(numbers["baselines"]["mean"]["mean"]),
        "gaussian": percent(numbers["baselines"]["gaussian"]["mean"]),
        "seconds": numbers["seconds"],
    }


STRATEGIES = ("strategy", "rows", "diversity", "collected", "generated", "mean", "elsewhere")


def table(summary: Mapping[str, Any]) -> Table | None:
    if "strategies" not in summary:
        return None
    caption = "mean test accuracy in %; elsewhere: generated, aligned, in another network"
    rows = [_strategy(*each) for each in summary["strategies"].items()]
    return Table(heads=STRATEGIES, rows=rows, caption=caption)


def _strategy(name: str, numbers: Mapping[str, Any]) -> tuple[str, ...]:
    sets = (numbers["original"], numbers["generated"], numbers["baselines"]["mean"], numbers["transplanted"])
    means = map(_mean, sets)
    return (name, str(numbers["rows"]), f"{numbers['diversity']:.3f}", *means)


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per strategy."""
    for name, numbers in summary.get("strategies", {}).items():
        if "unfit" in numbers["generated"]:
            yield dataclasses.replace(unfit_child("strategy", name, numbers["generated"]), values=metrics(numbers))
            continue
        accuracies = numbers["generated"]["accuracies"]
        yield Child(
            kind="strategy",
            name=name,
            values=[*metrics(numbers), *(("accuracy", value, step) for step, value in enumerate(accuracies))],
            table_name="accuracies.json",
            table={
                "strategy": name,
                "model": list(range(len(accuracies))),
                "test_accuracy": accuracies,
                "transplanted_accuracy": numbers["transplanted"]["accuracies"],
            },
        )
