"""From the cells of an ablation to its part of `summary.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.unfit import UNFIT, record_of

BASE = "base"
"""The factor of the cell that changes nothing."""


def summarise_cells(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`cells` that have numbers, `failed_cells` that stopped before, a sentence about them, and what is `unfit`.

    A cell whose generator is unfit has the numbers of originals and baselines.
    """
    done = [dict(cell) for cell in cells if "error" not in cell]
    failed = [dict(cell) for cell in cells if "error" in cell]
    unfit = [
        record | {"part": f"{record['part']}, {cell['varied']} = {cell['value']}"}
        for cell in done
        for record in cell.pop(UNFIT, [])
    ]
    return {"cells": done, "failed_cells": failed, "verdict": verdict(done, failed, unfit), "unfit": unfit}


def has_models(cell: Mapping[str, Any]) -> bool:
    """Whether the cell's generator is fit, on one network at least."""
    return cell["difference"] is not None


def verdict(
    done: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]], unfit: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Which cells pass the audit, and which factor moves the generated accuracy most."""
    if not done:
        return f"All {len(failed)} cells failed."
    passed = [f"{cell['varied']} = {cell['value']}" for cell in done if cell["verdict"] == "pass"]
    text = f"{len(passed)} of {len(done)} cells pass the audit" + (f" ({', '.join(passed)})" if passed else "")
    fit = [cell for cell in done if has_models(cell)]
    spans = {}
    for factor in {cell["varied"] for cell in done} - {BASE}:
        # the base belongs to every factor: it has the usual value of each
        gaps = [cell["difference"]["difference"] for cell in fit if cell["varied"] in (factor, BASE)]
        if gaps:
            spans[factor] = max(gaps) - min(gaps)
    if spans:
        widest = max(spans, key=lambda factor: (spans[factor], factor))
        text += f"; {widest} moves the generated accuracy most, by {100 * spans[widest]:.2f} points"
    if unfit:
        records = [record_of(each) for each in unfit]
        text += "; unfit: " + ", ".join(f"{each.part} (seed {each.seed}: {each.reason})" for each in records)
    if failed:
        text += f"; {len(failed)} stopped: " + ", ".join(f"{cell['varied']} = {cell['value']}" for cell in failed)
    return text + "."
