"""The chapter of a parameter-diffusion run: its figures, and its numbers put into sentences."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from flows.report.chapter import Plot
from flows.report.parameter_diffusion import audit, captions, figures
from flows.report.parameter_diffusion.comparison import HEADS, baselines_of, comparison, subject_of
from flows.report.shortfalls import has_numbers, with_numbers
from flows.report.tables import Table
from storage.tracking.children import Child, models_child, unfit_child
from tasks.results.formatting import interval, number, percent, signed, size
from tasks.results.unfit import UNFIT


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    """Accuracies, audit, parameter space, snapshots, losses: those for which the run left numbers."""
    made = []
    if "original" in summary:
        drawn = figures.accuracy_distributions(summary["original"], with_numbers(summary["generated"]))
        text = captions.accuracies(summary)
        made.append(Plot(name="accuracies", title="Test accuracy, model by model", caption=text, figure=drawn))
    if networks := details.get("audit"):
        made += audit.plots(networks)
    if pca := details.get("pca"):
        drawn, text = figures.parameter_space(pca), captions.parameter_space(pca)
        made.append(Plot(name="parameter_space", title="Where the models lie", caption=text, figure=drawn))
    if runs := details.get("snapshots"):
        drawn, text = figures.snapshot_accuracy(runs), captions.snapshots(runs)
        made.append(Plot(name="snapshots", title="The snapshots", caption=text, figure=drawn))
    if curves := details.get("curves"):
        drawn, text = figures.loss_curves(curves), captions.losses(curves)
        made.append(Plot(name="losses", title="Training losses", caption=text, figure=drawn))
    return made


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Table rows, sentences and the few large numbers; each empty for a run that failed before it had them."""
    subject = subject_of(summary)
    return {
        "rows": comparison(summary),
        "in_numbers": _in_numbers(summary, subject) if subject else "",
        "tiles": _tiles(summary, subject) if subject else [],
        "per_seed": _per_seed(summary),
        "audit": {
            "heads": audit.HEADS,
            "rows": audit.rows(summary),
            "meanings": audit.MEANINGS,
            "sentence": audit.sentence(summary, subject) if subject and "audit" in summary else "",
        },
        "material": _material(summary),
    }


def _in_numbers(summary: Mapping[str, Any], subject: str) -> str:
    made, original, difference = summary["generated"][subject], summary["original"], summary["differences"][subject]
    low, high = difference["ci95"]
    text = (
        f"The {made['n']} models that {subject} generated have a mean test accuracy of {percent(made['mean'])} %, "
        f"{_against(difference['difference'])} the {percent(original['mean'])} % of the {original['n']} trained ones; "
        f"the 95 % interval of this difference, {interval((low, high), signed)} points, "
        f"{'includes' if low <= 0 <= high else 'excludes'} zero."
    )
    if chosen := summary["selection"].get(subject):
        text += f" Chosen on the validation images, the best of them reaches {percent(chosen['test_accuracy'])} %."
    if baselines := baselines_of(summary):
        best, mean = next(iter(baselines.items()))
        relation = "more than" if mean > made["mean"] else "less than" if mean < made["mean"] else "as much as"
        text += f" The best baseline by mean, {best}, reaches {percent(mean)} %, {relation} the generator."
    return text


def _against(difference: float) -> str:
    points = signed(abs(difference)).lstrip("+")
    if not math.isfinite(difference):
        return "not to be compared with"
    return f"{points} points {'above' if difference > 0 else 'below'}" if points != "0.00" else "equal to"


def _tiles(summary: Mapping[str, Any], subject: str) -> list[tuple[str, str, str]]:
    """(label, number, what stands below it)."""
    made, original, difference = summary["generated"][subject], summary["original"], summary["differences"][subject]
    tiles = [
        ("originals, mean", f"{percent(original['mean'])} %", interval(original["ci95"])),
        (f"{subject}, mean", f"{percent(made['mean'])} %", interval(made["ci95"])),
        ("difference, points", signed(difference["difference"]), interval(difference["ci95"], signed)),
    ]
    if baselines := baselines_of(summary):
        best, mean = next(iter(baselines.items()))
        tiles.append(("best baseline, mean", f"{percent(mean)} %", best))
    return tiles


def _per_seed(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Means by seed, a column per set; empty for a single seed, whose numbers the main table holds."""
    seeds = summary.get("per_seed", {})
    if len(seeds) < 2:
        return {}
    names = [row.name for row in comparison(summary)]
    sets = {seed: {"original": numbers["original"], **numbers["generated"]} for seed, numbers in seeds.items()}
    return {"names": names, "rows": {seed: [_mean(sets[seed][name]) for name in names] for seed in sets}}


def _mean(numbers: Mapping[str, Any]) -> str:
    return percent(numbers["mean"]) if has_numbers(numbers) else UNFIT


def _material(summary: Mapping[str, Any]) -> str:
    sentences = []
    if data := summary.get("data"):
        shape = " × ".join(map(str, data["shape"]))
        sentences.append(
            f"Data: {data['name']}, {data['classes']} classes, {shape}; {number(data['train'])} training, "
            f"{number(data['validation'])} validation and {number(data['test'])} test images."
        )
    if layout := summary.get("layout"):
        sentences.append(
            f"A model is {number(layout['numbers'])} numbers in {layout['tensors']} tensors of the classifier; the "
            f"running statistics of their norm layers: {layout['buffers']}."
        )
    if stored := summary.get("storage"):
        sentences.append(f"{number(stored['rows'])} snapshots are stored in {size(stored['bytes'])}.")
    return " ".join(sentences)


COLOURS = {"original": "blue", "generator": "bold red", "baseline": ""}


def table(summary: Mapping[str, Any]) -> Table | None:
    rows = comparison(summary)
    if not rows:
        return None
    return Table(
        heads=("models", *HEADS),
        rows=[(row.name, *row.cells) for row in rows],
        caption="test accuracy in %, differences to the originals in points; chosen: best on validation, tested once",
        hidden=("median", "worst"),
        styles=[COLOURS[row.role] for row in rows],
        notes=[(row.name, row.note) for row in rows if row.note],
        right=True,
    )


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per set of models."""
    for name, numbers in _sets_of_models(summary).items():
        if "unfit" in numbers:
            yield unfit_child("generator", name, numbers)
        else:
            tags = {"verdict": numbers["audit"]["verdict"]} if "audit" in numbers else {}
            yield models_child("generator", name, numbers, tags)


def _sets_of_models(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The originals and each generator's models: distribution, difference to the originals with interval, audit."""
    found = {"original": summary["original"]} if "original" in summary else {}
    found |= summary.get("generated", {})
    sets = {}
    for name, numbers in found.items():
        sets[name] = {**numbers, "difference": 0.0}  # the originals', so that one chart holds them all
        if difference := summary.get("differences", {}).get(name):
            low, high = difference["ci95"]
            sets[name] |= {"difference": difference["difference"], "difference_low": low, "difference_high": high}
        if chosen := summary.get("selection", {}).get(name):
            sets[name] |= {f"chosen_{key}": chosen[key] for key in ("validation_accuracy", "test_accuracy")}
        if audit := summary.get("audit", {}).get(name):
            sets[name]["audit"] = audit
    return sets
