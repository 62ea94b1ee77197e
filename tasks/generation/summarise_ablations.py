"""From the cells of an ablation to its part of `summary.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.results.significance import best, finite, listed, untrained
from tasks.results.unfit import UNFIT, clause

BASE = "base"
"""The factor of the cell that changes nothing."""


def summarise_cells(cells: Sequence[Mapping[str, Any]], data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`cells` that have numbers, `failed_cells` that stopped before, a sentence about them, and what is `unfit`.

    A cell whose generator is unfit has the numbers of originals and baselines. data: facts about the images, for
    telling trained originals from those at chance level.
    """
    done = [dict(cell) for cell in cells if "error" not in cell]
    failed = [dict(cell) for cell in cells if "error" in cell]
    unfit = [
        record | {"part": f"{record['part']}, {cell['varied']} = {cell['value']}"}
        for cell in done
        for record in cell.pop(UNFIT, [])
    ]
    return {"cells": done, "failed_cells": failed, "verdict": verdict(done, failed, data, unfit), "unfit": unfit}


def has_models(cell: Mapping[str, Any]) -> bool:
    """Whether the cell's generator is fit, on one network at least."""
    return cell["difference"] is not None


def _span(cells: Sequence[Mapping[str, Any]]) -> float:
    """Largest less smallest difference of the cells of one factor; 0 where the intervals of these two overlap."""
    low, high = (pick(cells, key=lambda cell: cell["difference"]) for pick in (min, max))
    ends = [each.get("ci95", [each["difference"]] * 2) for each in (low, high)]
    return high["difference"] - low["difference"] if ends[1][0] > ends[0][1] else 0.0


def verdict(
    done: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    data: Mapping[str, Any] | None = None,
    unfit: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Which cells pass the audit, and which factor moves the generated accuracy most."""
    if not done:
        return f"All {len(failed)} cells failed."
    if data:
        means = {
            f"the average original of {cell['varied']} = {cell['value']}": cell["original"]["mean"] for cell in done
        }
        if nothing := untrained(means, data):
            return nothing.removesuffix(".") + clause(unfit) + _stopped(failed)
    passed = [f"{cell['varied']} = {cell['value']}" for cell in done if cell["verdict"] == "pass"]
    text = f"{len(passed)} of {len(done)} cells pass the audit" + (f" ({', '.join(passed)})" if passed else "")
    fit = [cell for cell in done if has_models(cell)]
    spans = {}
    for factor in sorted({cell["varied"] for cell in done} - {BASE}):
        # the base belongs to every factor: it has the usual value of each
        cells = [cell["difference"] for cell in fit if cell["varied"] in (factor, BASE)]
        cells = [cell for cell in cells if finite(cell["difference"])]
        if len(cells) > 1:
            spans[factor] = _span(cells)
    if clear := {factor: span for factor, span in spans.items() if span > 0}:
        widest = best(clear)
        verb = "moves" if len(widest) == 1 else "move"
        text += f"; {listed(widest)} {verb} the generated accuracy most, by {100 * clear[widest[0]]:.2f} points"
    elif spans:
        text += "; no factor moves the generated accuracy beyond its intervals"
    return text + clause(unfit) + _stopped(failed)


def _stopped(failed: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(f"{cell['varied']} = {cell['value']}" for cell in failed)
    return f"; {len(failed)} stopped: {names}." if failed else "."
