"""The chapter of an ablation study: a table and a figure per factor, published differences beside ours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from flows.report.chapter import Plot
from flows.report.style import BLUE, GREEN, INK, ORANGE, PURPLE, styled
from flows.report.tables import Table
from storage.tracking.children import Child, models_child, unfit_child
from tasks.generation.summarise_ablations import BASE, has_models
from tasks.results.formatting import interval, percent, signed
from tasks.results.unfit import UNFIT

MARKS = {"mean": ("D", INK), "average_of_16": ("^", PURPLE), "gaussian": ("X", GREEN)}


def factors(summary: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Per factor its cells, the base first: it has the usual value of every factor."""
    cells = summary.get("cells", [])
    base = [cell for cell in cells if cell["varied"] == BASE]
    names = dict.fromkeys(cell["varied"] for cell in cells if cell["varied"] != BASE)
    found = {name: base + [cell for cell in cells if cell["varied"] == name] for name in names}
    return found or ({BASE: base} if base else {})


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    drawn = {name: list(filter(has_models, cells)) for name, cells in factors(summary).items()}
    return [
        Plot(
            name=name.replace(" ", "_"),
            title=name.capitalize(),
            caption=_caption(name, cells),
            figure=_figure(cells),
        )
        for name, cells in drawn.items()
        if cells
    ]


def _caption(name: str, cells: Sequence[Mapping[str, Any]]) -> str:
    best = max(cells, key=lambda cell: cell["difference"]["difference"])
    text = (
        f"Mean accuracy of the generated models minus that of the originals, with 95 % intervals. The most with "
        f"{best['value']}: {signed(best['difference']['difference'])} points."
    )
    if any(cell["published"] is not None for cell in cells):
        text += " Rings: the published differences (first version, CIFAR-100, originals 76.6 %)."
    return text


@styled
def _figure(cells: Sequence[Mapping[str, Any]]) -> Figure:
    """One place per cell: the generator with its interval, the baselines' means, and a ring where published."""
    figure = Figure(figsize=(5.6, 3.1), layout="constrained")
    axes = figure.subplots()
    places = range(len(cells))
    gaps = [100 * cell["difference"]["difference"] for cell in cells]
    ends = [[100 * end for end in cell["difference"]["ci95"]] for cell in cells]
    errors = [
        [max(gap - low, 0) for gap, (low, _) in zip(gaps, ends, strict=True)],
        [max(high - gap, 0) for gap, (_, high) in zip(gaps, ends, strict=True)],
    ]
    axes.axhline(0, color=BLUE, linewidth=1.1, linestyle=(0, (4, 2)), label="originals")
    for name, (marker, colour) in MARKS.items():
        values = [100 * (cell["baselines"][name] - cell["original"]["mean"]) for cell in cells]
        axes.plot(places, values, marker, color=colour, markersize=5, alpha=0.7, label=name)
    axes.errorbar(places, gaps, errors, fmt="o", color=ORANGE, markersize=6, capsize=3, label="generated")
    rings = [(place, cell["published"]) for place, cell in enumerate(cells) if cell["published"] is not None]
    if rings:
        axes.plot(*zip(*rings, strict=True), "o", color=INK, fillstyle="none", markersize=8, label="published")
    axes.set_xticks(places, [cell["value"] for cell in cells])
    axes.set(ylabel="difference, points", xlim=(-0.5, len(cells) - 0.5))
    axes.grid(axis="x", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=4, columnspacing=1.0)
    return figure


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    tables = {name: [_row(cell) for cell in cells] for name, cells in factors(summary).items()}
    return {"tables": tables, "failed": summary.get("failed_cells", [])}


def _row(cell: Mapping[str, Any]) -> dict[str, Any]:
    common = {
        "value": cell["value"],
        "base": cell["varied"] == BASE,
        "original": percent(cell["original"]["mean"]),
        "published": "" if cell["published"] is None else signed(cell["published"] / 100),
        "mean": percent(cell["baselines"]["mean"]),
        "verdict": cell["verdict"],
        "seconds": cell["seconds"],
    }
    if not has_models(cell):
        blank = dict.fromkeys(("difference", "ends", "dispersion", "within", "largest"), "")
        return common | blank | {"generated": UNFIT, "beyond": False}
    low, high = cell["difference"]["ci95"]
    return common | {
        "generated": percent(cell["generated"]["mean"]),
        "difference": signed(cell["difference"]["difference"]),
        "ends": interval((low, high), signed),
        "beyond": low > 0 or high < 0,
        "dispersion": f"{cell['dispersion']:.2f}",
        "within": "" if cell["iou"]["generated"] is None else f"{cell['iou']['generated']:.2f}",
        "largest": f"{cell['iou']['max']:.2f}",
    }


CELLS = ("varied", "value", "originals", "generated", "difference", "verdict")


def table(summary: Mapping[str, Any]) -> Table | None:
    if not summary.get("cells"):
        return None
    caption = "test accuracy in %, differences in points"
    return Table(heads=CELLS, rows=list(map(_cell, summary["cells"])), caption=caption)


def _cell(cell: Mapping[str, Any]) -> tuple[str, ...]:
    means = (_mean(cell[side]) for side in ("original", "generated"))
    difference = signed(cell["difference"]["difference"]) if has_models(cell) else ""
    return (cell["varied"], cell["value"], *means, difference, cell["verdict"])


def _mean(numbers: Mapping[str, Any]) -> str:
    return UNFIT if UNFIT in numbers else percent(numbers["mean"])


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per cell."""
    for cell in summary.get("cells", []):
        name = f"{cell['varied']} {cell['value']}"
        if UNFIT in cell["generated"]:
            yield unfit_child("generator", name, cell["generated"])
            continue
        audit = {key: cell[key] for key in ("verdict", "dispersion", "iou", "lead")}
        numbers = {**cell["generated"], **cell["difference"], "audit": audit}
        yield models_child("generator", name, numbers, {"verdict": audit["verdict"]})
