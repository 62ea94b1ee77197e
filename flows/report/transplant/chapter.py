"""The chapter of a transplant study: what is left in which recipient, what mistakes cost, and the backdoor."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.report.chapter import Plot
from flows.report.tables import Table
from flows.report.transplant import figures as transplant_figures
from flows.report.transplant import held_out
from flows.report.transplant.rows import HEADS, rows
from storage.tracking.children import Child, models_child, unfit_child
from tasks.results.formatting import interval, percent, signed
from tasks.results.unfit import UNFIT
from tasks.transplant.recipients import BADNETS

CAUSES = {
    "none": "generated parameters in their own network, nothing done wrong",
    "one_shot": "one call of the denoiser at a random time is decoded: no diffusion sampling takes place",
    "normalisation_mismatch": "test images normalised otherwise than training images",
    "scrambled_rows": "tensors read back in the order of their names, not in that of the row",
    "drifting_buffers": "norm statistics of frozen layers go on moving in train mode",
    "training_images": "measured on training images: no mistake of the models, but of the figure",
    "unaligned": "written into another network, whose hidden units have another order",
}


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    if "transplants" not in summary:
        return []
    recipients = summary["recipients"]
    found = [
        Plot(
            name="histograms",
            title="Accuracy after transplant",
            caption=(
                "Share of the models by test accuracy: a row per recipient, a column per way to order the donor’s "
                "hidden units. Dotted: the recipient before anything is written into it. Means: collected / generated."
            ),
            figure=transplant_figures.histograms(summary["transplants"], recipients),
        ),
        Plot(
            name="causes",
            title="One mistake at a time",
            caption=(
                "Test accuracy of the generated models; a dot per model, a bar and a number for the mean. Each line "
                "makes one mistake and no other; the first makes none."
            ),
            figure=transplant_figures.causes(summary["causes"]),
        ),
    ]
    if details.get("backdoor"):
        caption = (
            "Each dot is a model in the backdoored network: accuracy on clean images, and how often the trigger makes "
            "it answer with the target. Star: the network as it was trained. Fine-tuning: the same layers, on as many "
            "clean images as alignment takes."
        )
        figure = transplant_figures.backdoor(details["backdoor"], recipients[BADNETS])
        found.append(Plot(name="backdoor", title="What becomes of the backdoor", caption=caption, figure=figure))
    return found + held_out.plots(summary)


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "heads": HEADS,
        "rows": rows(summary),
        "causes": [_cause(name, told) for name, told in summary.get("causes", {}).items()],
        "defences": summary.get("defences", []),
        "seconds": summary.get("alignment_seconds", {}),
        "held_out": held_out.content(summary),
    }


def _cause(name: str, told: Mapping[str, Any]) -> dict[str, str]:
    if UNFIT in told:
        blank = dict.fromkeys(("median", "best", "difference", "ends"), "")
        return {"name": name, "meaning": CAUSES[name], "n": "0", "mean": UNFIT, **blank}
    gap = told.get("difference")
    return {
        "name": name,
        "meaning": CAUSES[name],
        "n": str(told["n"]),
        "mean": percent(told["mean"]),
        "median": percent(told["median"]),
        "best": percent(told["best"]),
        "difference": signed(gap["difference"]) if gap else "",
        "ends": interval(gap["ci95"], signed) if gap else "",
    }


def table(summary: Mapping[str, Any]) -> Table | None:
    if "transplants" not in summary:
        return None
    return Table(heads=HEADS, rows=rows(summary), caption="test accuracy and attack success in %")


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per recipient, rows and order of the hidden units; per mistake; per kind of rows for networks never seen."""
    for kind, sets in (
        ("transplant", _transplants(summary)),
        ("cause", summary.get("causes", {})),
        ("held_out", summary.get("held_out") or {}),
    ):
        for name, models in sets.items():
            yield unfit_child(kind, name, models) if "unfit" in models else models_child(kind, name, models)


def _transplants(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By recipient, what was written into it, and in which order of the hidden units."""
    found = {
        f"{recipient} {source} {kind}": numbers
        for recipient, sources in summary.get("transplants", {}).items()
        for source, kinds in sources.items()
        for kind, numbers in kinds.items()
    }
    return found | ({"badnets fine_tuned": summary["fine_tuning"]} if "fine_tuning" in summary else {})
