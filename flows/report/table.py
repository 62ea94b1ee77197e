"""The final table of a run: for the terminal, and as Markdown for Prefect's page of artifacts."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.report import invertibility_rows as inverted
from flows.report.comparison import HEADS, comparison
from flows.report.nights_table import nights_table
from flows.report.transplant_rows import HEADS as MOVED
from flows.report.transplant_rows import rows as moved
from tasks.generation.summarise_ablations import has_models
from tasks.results.formatting import duration, percent, signed
from tasks.results.unfit import UNFIT
from tasks.robustness.attack_verdict import ranked, standing
from tasks.robustness.models_under_test import SIBLINGS

COLOURS = {"original": "blue", "generator": "bold red", "baseline": ""}
_SHOWN = tuple(place for place, head in enumerate(HEADS) if head not in ("median", "worst"))  # fits 100 columns


def render(summary: Mapping[str, Any]) -> RenderableType:
    """Caution, verdict (or the error of a failed run) and table, as something that `rich.print` takes."""
    shown = _render(summary)
    return Group(Text(summary["caution"], "bold yellow"), shown) if summary.get("caution") else shown


def _render(summary: Mapping[str, Any]) -> RenderableType:
    if summary["study"] == "nightly":
        return _studies(summary)
    if summary["study"] == "nights":
        return nights_table(summary)
    failed = summary["state"] == "failed"
    head = Text(summary["error"] or "failed", "red") if failed else Text(summary["verdict"], "bold")
    rows = comparison(summary)
    if "cells" in summary:
        return Group(head, _cells(summary["cells"]))
    if "models" in summary:
        return Group(head, _attacked(summary["models"]))
    if "transplants" in summary:
        return Group(head, _moved(summary))
    if "strategies" in summary:
        return Group(head, _strategies(summary["strategies"]))
    if "methods" in summary:
        return Group(head, _protected(summary["methods"]))
    if "losses" in summary:
        return Group(head, _inverted(summary))
    if not rows:
        return head
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption="test accuracy in %, differences in points")
    table.add_column("models")
    for place in _SHOWN:
        table.add_column(HEADS[place], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(row.name), *(row.cells[place] for place in _SHOWN), style=COLOURS[row.role])
    notes = [Text(f"{row.name}: {row.note}", "red") for row in rows if row.note]
    return Group(head, table, *notes)


def _studies(summary: Mapping[str, Any]) -> RenderableType:
    table = Table("study", "state", "time", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, study in summary["studies"].items():
        colour = "red" if study["state"] == "failed" else ""
        table.add_row(Text(name), Text(study["state"], colour), duration(study["seconds"]))
    return table


CELLS = ("varied", "value", "originals", "generated", "difference", "verdict")


def _cells(cells: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(*CELLS, box=box.SIMPLE_HEAD, pad_edge=False, caption="test accuracy in %, differences in points")
    for cell in cells:
        table.add_row(*map(Text, _cell(cell)))
    return table


def _cell(cell: Mapping[str, Any]) -> tuple[str, ...]:
    means = (_mean(cell[side]) for side in ("original", "generated"))
    difference = signed(cell["difference"]["difference"]) if has_models(cell) else ""
    return (cell["varied"], cell["value"], *means, difference, cell["verdict"])


def _mean(numbers: Mapping[str, Any]) -> str:
    return UNFIT if UNFIT in numbers else percent(numbers["mean"])


ATTACKED = ("network", "clean", "worst case", "L∞", "L2", "L1", "L0", "gradients")


def _attacked(models: Mapping[str, Any]) -> Table:
    table = Table(
        *ATTACKED, box=box.SIMPLE_HEAD, pad_edge=False, caption="accuracy in %, worst case within the budgets"
    )
    for name in ranked(models):
        if name not in SIBLINGS:
            table.add_row(*map(Text, _model(name, models[name])))
    return table


def _model(name: str, model: Mapping[str, Any]) -> tuple[str, ...]:
    if UNFIT in model:
        return (name, UNFIT, *[""] * (len(ATTACKED) - 2))
    norms = (percent(model["worst_case"][norm]) for norm in ("linf", "l2", "l1", "l0"))
    return (name, percent(model["clean_accuracy"]), percent(model["worst_case_accuracy"]), *norms, standing(model))


def _moved(summary: Mapping[str, Any]) -> Table:
    table = Table(*MOVED, box=box.SIMPLE_HEAD, pad_edge=False, caption="test accuracy and attack success in %")
    for row in moved(summary):
        table.add_row(*map(Text, row))
    return table


STRATEGIES = ("strategy", "rows", "diversity", "collected", "generated", "mean", "elsewhere")


def _strategies(told: Mapping[str, Any]) -> Table:
    caption = "mean test accuracy in %; elsewhere: generated, aligned, in another network"
    table = Table(*STRATEGIES, box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    for each in told.items():
        table.add_row(*map(Text, _strategy(*each)))
    return table


def _strategy(name: str, numbers: Mapping[str, Any]) -> tuple[str, ...]:
    sets = (numbers["original"], numbers["generated"], numbers["baselines"]["mean"], numbers["transplanted"])
    means = map(_mean, sets)
    return (name, str(numbers["rows"]), f"{numbers['diversity']:.3f}", *means)


PROTECTED = ("method", "n", "PSNR", "edit", "around", "elsewhere", "target", "protected", "hidden")


def _protected(methods: Mapping[str, Any]) -> Table:
    caption = "SSIM of fills made from the protected and the clean image; target: share of the distance; images in %"
    table = Table(*PROTECTED, box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    for each in methods.items():
        table.add_row(*map(Text, _method(*each)))
    return table


def _method(name: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    if UNFIT in told:
        return (name, "0", UNFIT, *[""] * (len(PROTECTED) - 3))
    likeness = (f"{told[key]:.3f}" for key in ("ssim_edit", "ssim_benign", "ssim_far", "target_mse_ratio"))
    shares = (percent(told[key]) for key in ("protected_share", "hidden_share"))
    return (name, str(told["n"]), f"{told['psnr']:.1f}", *likeness, *shares)


def _inverted(summary: Mapping[str, Any]) -> Table:
    caption = "errors and shares in %; accuracy left under each attack"
    table = Table(*inverted.heads(summary), box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    for row in inverted.rows(summary):
        table.add_row(*map(Text, row))
    return table


def markdown(summary: Mapping[str, Any]) -> str:
    """Verdict and table in GitHub's Markdown."""
    failed = summary["state"] == "failed"
    lines = [f"**Failed.** {_plain(summary['error'] or '')}" if failed else f"**{_plain(summary['verdict'])}**"]
    if summary.get("caution"):
        lines = [f"> {_plain(summary['caution'])}", "", *lines]
    if "cells" in summary:
        lines += ["", _line(*CELLS), _line(*["---"] * len(CELLS))]
        lines += [_line(*map(_plain, _cell(cell))) for cell in summary["cells"]]
    if models := summary.get("models"):
        lines += ["", _line(*ATTACKED), _line(*["---"] * len(ATTACKED))]
        lines += [_line(*map(_plain, _model(name, models[name]))) for name in ranked(models) if name not in SIBLINGS]
    if "transplants" in summary:
        lines += ["", _line(*MOVED), _line(*["---"] * len(MOVED))]
        lines += [_line(*map(_plain, row)) for row in moved(summary)]
    if "strategies" in summary:
        lines += ["", _line(*STRATEGIES), _line(*["---"] * len(STRATEGIES))]
        lines += [_line(*map(_plain, _strategy(*each))) for each in summary["strategies"].items()]
    if "methods" in summary:
        lines += ["", _line(*PROTECTED), _line(*["---"] * len(PROTECTED))]
        lines += [_line(*map(_plain, _method(*each))) for each in summary["methods"].items()]
    if "losses" in summary:
        named = inverted.heads(summary)
        lines += ["", _line(*map(_plain, named)), _line(*["---"] * len(named))]
        lines += [_line(*map(_plain, row)) for row in inverted.rows(summary)]
    if rows := comparison(summary):
        lines += ["", _line("models", *HEADS), _line("---", *["---:"] * len(HEADS))]
        lines += [_line(_plain(row.name), *row.cells) for row in rows]
        lines += [""] * any(row.note for row in rows)
        lines += [f"- {_plain(row.name)}: {_plain(row.note)}" for row in rows if row.note]
        lines += [
            "",
            "Test accuracy in %, differences to the originals in points; *chosen*: best on validation, tested once.",
        ]
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no table cell ends and no tag opens inside it."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")
