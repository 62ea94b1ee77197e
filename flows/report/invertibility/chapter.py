"""The chapter of an invertibility study: what attacks find, what nobody sees, and what the nuisance still tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.report.chapter import Plot
from flows.report.invertibility import figures as invertibility_figures
from flows.report.invertibility import rows as invertibility_rows
from flows.report.invertibility.rows import MARKS, METAMERS, NUMERICS, PUBLISHED, READERS, heads, rows
from flows.report.tables import Table
from storage.tracking.children import Child, unfit_child
from storage.tracking.values import metrics


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    shown = details.get("gallery", {})
    found = []
    if shown.get("metamers"):
        found.append(
            Plot(
                name="metamers",
                title="Metamers",
                caption=(
                    "Each column is a pair of test images. Each loss’s metamer has the very logits of the upper image, "
                    "so the network gives it the same answer, and everything else of the lower one. It is computed by "
                    "running the network backwards, not searched for. Below each: what the independent classifier "
                    "sees; red where it sees the lower image’s class and the network answers the upper one’s."
                ),
                figure=invertibility_figures.gallery(shown),
            )
        )
    if any(each["strip"] for each in shown.get("metamers", ())):
        found.append(
            Plot(
                name="strips",
                title="From one nuisance to another, at equal logits",
                caption=(
                    "From left to right the nuisance goes from the first image’s to the second’s along a line, "
                    "while the logits stay those of the first: every picture of a row gets the same answer."
                ),
                figure=invertibility_figures.strips(shown),
            )
        )
    if losses := invertibility_rows.measured(summary):
        found.append(
            Plot(
                name="readers",
                title="What the nuisance tells of the class",
                caption=(
                    "Test error of classifiers trained on the nuisance of the frozen network; the one with the least "
                    "validation error decides (full colour). Dotted: the error of the network’s own logits. High "
                    "bars mean that the class is in the logits and nowhere else; guessing is the dashed line."
                ),
                figure=invertibility_figures.readers(losses, summary["data"]["classes"]),
            )
        )
    return found


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    tables = invertibility_rows
    losses = tables.measured(summary)
    if not losses:
        return {}
    return {
        "attacked": next(iter(next(iter(losses.values()))["attacks"].values()))["n"],
        "main": {"heads": tables.heads(summary), "rows": tables.rows(summary)},
        "readers": {"heads": READERS, "rows": tables.readers(summary)},
        "marks": {"heads": MARKS, "rows": tables.marks(summary)},
        "metamers": {"heads": METAMERS, "rows": tables.metamers(summary)},
        "numerics": {"heads": NUMERICS, "rows": tables.numerics(summary)},
        "published": {"heads": ("split", "CE logits", "iCE logits", "CE nuisance", "iCE nuisance"), "rows": PUBLISHED},
    }


def table(summary: Mapping[str, Any]) -> Table | None:
    if "losses" not in summary:
        return None
    caption = "errors and shares in %; accuracy left under each attack"
    return Table(heads=heads(summary), rows=rows(summary), caption=caption)


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per loss."""
    for name, numbers in summary.get("losses", {}).items():
        if "unfit" in numbers:
            yield unfit_child("loss", name, numbers)
            continue
        each = numbers["per_seed"]
        compared = ("seed", "test_error", "nuisance_error", "nuisance_reader")
        shares = {"vulnerable_share": [one["metamers"]["vulnerable_share"] for one in each]}
        yield Child(
            kind="loss",
            name=name,
            values=metrics(numbers),
            table_name="networks.json",
            table={"loss": name, **{key: [one[key] for one in each] for key in compared}, **shares},
        )
