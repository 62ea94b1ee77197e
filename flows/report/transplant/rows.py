"""The main table of a transplant study, its cells as text, for page, terminal and Markdown alike."""

from collections.abc import Mapping
from typing import Any

from tasks.results.formatting import interval, percent
from tasks.results.unfit import UNFIT
from tasks.transplant.recipients import BADNETS
from tasks.transplant.stitch import STITCHED

HEADS = ("into", "rows", "units", "n", "mean", "95 % interval", "kept", "ASR", "agreement", "correlation")
UNITS = {"as_is": "as they are", "aligned": "aligned by activations", "aligned_weights": "aligned by weights"}
UNITS |= {STITCHED: "stitched by a linear map"}


def rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Cells as in `HEADS`; of every recipient first its own."""
    found: list[tuple[str, ...]] = []
    for name, sources in summary.get("transplants", {}).items():
        host = summary["recipients"][name]
        own = ("", UNFIT, "", "", "", "", "")
        if UNFIT not in host:
            own = ("", percent(host["clean_accuracy"]), "", "", percent(host["asr"]), "", "")
        found.append((name, "its own", "", *own))
        for source, kinds in sources.items():
            found += [(name, source, UNITS[kind], *_cells(kinds[kind])) for kind in UNITS if kind in kinds]
    if tuned := summary.get("fine_tuning"):
        found.append((BADNETS, "fine-tuned", "", *_cells(tuned)))
    return found


def _cells(told: Mapping[str, Any]) -> tuple[str, ...]:
    if UNFIT in told:
        return ("0", UNFIT, "", "", "", "", "")
    agreement, correlation = told["agreement"], told["matched_correlation"]
    return (
        str(told["n"]),
        percent(told["mean"]),
        interval(told["ci95"]),
        percent(told["kept"]),
        percent(told["asr_mean"]),
        f"{percent(agreement['donor'])} / {percent(agreement['recipient'])}",
        "–" if correlation is None else f"{correlation:.2f}",
    )
