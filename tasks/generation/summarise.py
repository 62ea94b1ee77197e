"""From stored products to the numbers of the report; it can be repeated at any time."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.evaluation.distribution import difference, distribution
from methods.evaluation.projection import project
from methods.generation.holdout import hold_out
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import read_json, read_tensors
from storage.scores import Scores, read_scores
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.evaluate import ORIGINAL
from tasks.classifiers.training_rows import matrix_of
from tasks.generation.audit_summary import audited, evidence, paired
from tasks.generation.fit import Fits
from tasks.generation.sample import Samples
from tasks.results.significance import FEW, majority, untrained
from tasks.results.unfit import Unfit, as_records, entry, headline
from tasks.runtime.stage import stage

PICTURED = 200
"""Points of one group in the picture of principal components."""
ROUNDING = 1e-9
"""Means of equal accuracies differ by less, and by more than nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """References to everything that a parameter-diffusion run has made."""

    seeds: tuple[int, ...]
    bases: tuple[Ref, ...]
    snapshots: Ref
    records: tuple[Ref, ...]
    fits: Fits
    generated: Samples
    scores: tuple[Ref, ...]
    audits: tuple[Ref, ...]
    missing: Mapping[tuple[int, str], Unfit] = dataclasses.field(default_factory=dict)
    """Why there are no rows, by seed and name, of those that have none."""

    def references(self) -> dict[str, dict[str, str]]:
        named = {"snapshots": self.snapshots}
        named |= {f"base seed {seed}": ref for seed, ref in zip(self.seeds, self.bases, strict=True)}
        named |= {f"fit seed {seed} {name}": ref for (seed, name), ref in self.fits.items()}
        named |= {f"generated seed {seed} {name}": ref for (seed, name), ref in self.generated.items()}
        named |= {f"scores {number}": ref for number, ref in enumerate(self.scores)}
        named |= {f"audit seed {seed}": ref for seed, ref in zip(self.seeds, self.audits, strict=True)}
        return {name: dataclasses.asdict(ref) for name, ref in named.items()}


@stage
def summarise(products: Products, splits: Splits, generator: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json` (what the figures draw)."""
    scores = read_scores([ref.path for ref in products.scores])
    stored = SnapshotSet.open(products.snapshots)
    told = {key: told_by(ref) for key, ref in products.fits.items()}
    records = [read_json(ref.path) for ref in products.records]
    summary = {
        **distributions(scores, seed),
        "per_seed": {str(each): distributions(_only(scores, scores.seed == each), seed) for each in products.seeds},
        "selection": selection(scores),
        "gates": _worst_gates([told[each, generator]["gates"] for each in products.seeds]),
        "storage": {"rows": stored.rows, "shards": len(stored.shards), "bytes": stored.bytes},
        "prefix_passes": sum(record["prefix_passes"] for record in records),
        "held_out": {str(each): told[each, generator]["facts"] for each in products.seeds},
        "data": data_facts(splits),
        "layout": {
            "numbers": stored.layout.size,
            "tensors": len(stored.layout.entries),
            "buffers": stored.layout.buffers,
        },
    }
    audits = {each: read_json(ref.path) for each, ref in zip(products.seeds, products.audits, strict=True)}
    summary |= audited([audits[each]["audit"] for each in products.seeds], [name for _, name in products.missing])
    summary["paired"] = paired(scores, splits.test.labels.numpy(), summary["selection"])
    summary |= with_missing(summary, products.missing)
    compared = verdict(summary, generator) if generator in summary["differences"] else _without(summary)
    summary["verdict"] = " ".join(filter(None, [headline(products.missing.values()), compared]))
    details = {
        "curves": _curves(products, records, told, generator),
        "pca": [_pca(products, each) for each in products.seeds],
        "snapshots": [_history(stored, each) for each in products.seeds],
        "audit": evidence(audits),
        "references": products.references(),
    }
    return summary, details


def with_missing(summary: Mapping[str, Any], missing: Mapping[tuple[int, str], Unfit]) -> dict[str, Any]:
    """`generated` and `per_seed` with an entry for what has no rows, and `unfit`, the records of why."""
    generated, per_seed = dict(summary["generated"]), {seed: dict(each) for seed, each in summary["per_seed"].items()}
    for (seed, name), record in missing.items():
        own = per_seed[str(seed)]
        own["generated"] = own["generated"] | {name: entry([record])}
        if name not in summary["generated"]:
            generated[name] = entry([each for (_, other), each in missing.items() if other == name])
    return {"generated": generated, "per_seed": per_seed, "unfit": as_records(missing.values())}


def _without(summary: Mapping[str, Any]) -> str:
    """What there is to compare where the generator has no models."""
    original, averaged = summary["original"], summary["generated"]["mean"]
    return (
        f"Without it, the originals reach {_percent(original['mean'])} on average (n = {original['n']}), and averaging "
        f"the snapshots {_percent(averaged['mean'])}."
    )


def data_facts(splits: Splits) -> dict[str, Any]:
    """What a summary says about the data set."""
    return {
        "name": splits.name,
        "digest": splits.digest,
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "classes": len(splits.classes),
        "majority": majority(splits.test.labels),
        "shape": list(splits.shape),
    }


def distributions(scores: Scores, seed: int) -> dict[str, Any]:
    """Test accuracies of the originals and of each generator, and how far the generators' means lie from theirs."""
    by_name = {name: scores.test_accuracy[scores.generator == name] for name in dict.fromkeys(scores.generator)}
    original = by_name.pop(ORIGINAL)
    return {
        "original": distribution(original, seed=seed),
        "generated": {name: distribution(values, seed=seed) for name, values in by_name.items()},
        "differences": {name: difference(values, original, seed=seed) for name, values in by_name.items()},
    }


def selection(scores: Scores) -> dict[str, dict[str, Any]]:
    """Per generator, the model that is best on validation (the first of equals), and what it reaches on test."""
    chosen = {}
    for name in dict.fromkeys(scores.generator):
        rows = np.flatnonzero(scores.generator == name)
        best = rows[scores.validation_accuracy[rows].argmax()]
        chosen[name] = {
            "chosen_index": int(scores.index[best]),
            "seed": int(scores.seed[best]),
            "validation_accuracy": float(scores.validation_accuracy[best]),
            "test_accuracy": float(scores.test_accuracy[best]),
        }
    return chosen


def verdict(summary: Mapping[str, Any], generator: str) -> str:
    """One sentence: how the generated models compare with their originals, and with averaging."""
    gap, made = summary["differences"][generator], summary["generated"][generator]
    if nothing := incomparable(summary["original"], made, summary.get("data")):
        return nothing
    points, (low, high) = 100 * gap["difference"], (100 * bound for bound in gap["ci95"])
    if low > ROUNDING:
        compared = "are better than their originals"
    elif high < -ROUNDING:
        compared = "are worse than their originals"
    else:
        compared = "cannot be told from their originals"
    # there is one average per network: it is better or worse only if it is so on every network, beyond the interval
    seeds = [each["generated"] for each in summary["per_seed"].values() if "accuracies" in each["generated"][generator]]
    sides = {_side(each["mean"]["mean"], each[generator]["ci95"]) for each in seeds}
    if sides == {1}:
        beside = "simply averaging the snapshots does better"
    elif sides == {-1}:
        beside = "averaging the snapshots does worse"
    else:
        beside = "averaging the snapshots does about as well"
    beside += " on the one network there is" if len(seeds) == 1 else ""
    beside += f" ({_percent(summary['generated']['mean']['mean'])} against {_percent(made['mean'])})"
    interval = f"95 % interval {_signed(low)} to {_signed(high)}, n = {made['n']} against {summary['original']['n']}"
    found = summary["audit"][generator]["verdict"]
    return f"Generated models {compared}: {_signed(points)} points on average ({interval}); {beside}. Audit: {found}."


def incomparable(original: Mapping[str, Any], made: Mapping[str, Any], data: Mapping[str, Any] | None) -> str:
    """Why originals and generated models are not compared; empty where they can be."""
    if data and (nothing := untrained({"the average original": original["mean"]}, data)):
        return nothing
    if min(original["n"], made["n"]) < FEW:
        return f"Nothing can be concluded: {made['n']} generated models and {original['n']} originals are too few."
    return ""


def _side(value: float, interval: Sequence[float]) -> int:
    """-1 below the interval, 0 inside, 1 above."""
    return int(value > interval[1] + ROUNDING) - int(value < interval[0] - ROUNDING)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−")


def told_by(ref: Ref) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in read_tensors(ref.path)[1].items()}


def _only(scores: Scores, rows: np.ndarray) -> Scores:
    return Scores(**{field.name: getattr(scores, field.name)[rows] for field in dataclasses.fields(scores)})


def _worst_gates(gates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each gate, the seed that missed it, or came closest to its limit."""

    def distance(gate: Mapping[str, Any]) -> tuple[bool, float]:
        return gate["passed"], abs((gate["value"] or 0.0) - gate["limit"])

    names = dict.fromkeys(name for each in gates for name in each)
    return {name: min((each[name] for each in gates if name in each), key=distance) for name in names}


def _curves(
    products: Products, records: Sequence[Mapping[str, Any]], told: Mapping[Any, Any], generator: str
) -> dict[str, list[dict[str, Any]]]:
    curves: dict[str, list[dict[str, Any]]] = {"base training": [], "collection": []}
    for each, base, record in zip(products.seeds, products.bases, records, strict=True):
        label = {"label": f"seed {each}"}
        curves["base training"] += [label | curve for curve in told_by(base)["curves"]]
        curves["collection"] += [label | curve for curve in record["curves"]]
        for name, curve in told[each, generator]["curves"].items():
            curves.setdefault(name, []).append(label | curve)
    return {name: lines for name, lines in curves.items() if lines}  # an imported network was trained elsewhere


def _pca(products: Products, seed: int) -> dict[str, Any]:
    original, scalars, _ = matrix_of(products.snapshots, seed)
    runs = scalars.column("run").to_pylist()
    held_out = hold_out(original, runs).held_out
    # mapped, not read: of whole networks, there is no room for all sets at once
    generated = {
        name: read_tensors(ref.path)[0]["rows"][:PICTURED].numpy()
        for (owner, name), ref in products.generated.items()
        if owner == seed
    }
    coordinates, explained = project(original, {"original": original, **generated})
    first = coordinates.pop("original")
    coordinates = {"original": first, "held_out": first[held_out], **coordinates}
    points = {name: np.round(values, 6).tolist() for name, values in coordinates.items()}
    begins = [index for index in range(1, len(runs)) if runs[index] != runs[index - 1]]
    return {"seed": seed, "explained": explained, "groups": points, "begins": begins}


def _history(stored: SnapshotSet, seed: int) -> dict[str, Any]:
    table = stored.scalars(seeds=[seed])
    columns = {name: table.column(name).to_pylist() for name in ("epoch", "accuracy", "accuracy_reloaded")}
    return {"seed": seed, **columns}
