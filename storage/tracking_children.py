"""The child runs of a run in MLflow: one per set of models, attack, transplant, loss, strategy or method; tens."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from storage.tracking_values import metrics

Series = list[tuple[str, float, int]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """kind: what `name` names, as parameter and tag. table: columns of equal length, stored as `table_name`."""

    kind: str
    name: str
    values: Series
    table_name: str
    table: Mapping[str, Any]
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    for name, numbers in _sets_of_models(summary).items():
        tags = {"verdict": numbers["audit"]["verdict"]} if "audit" in numbers else {}
        yield (
            _models("generator", name, numbers, tags) if "unfit" not in numbers else _unfit("generator", name, numbers)
        )
    for kind, sets in (
        ("transplant", _transplants(summary)),
        ("cause", summary.get("causes", {})),
        ("held_out", _unseen(summary)),
    ):
        for name, models in sets.items():
            yield _unfit(kind, name, models) if "unfit" in models else _models(kind, name, models)
    for name, models in _attacks(summary).items():
        keys = list(dict.fromkeys(key for numbers in models.values() for key in numbers if key != "per_member"))
        yield Child(
            kind="attack",
            name=name,
            values=[each for model, numbers in models.items() for each in metrics(numbers, f"{model}/")],
            table_name="models.json",
            table={"model": list(models), **{key: [each.get(key) for each in models.values()] for key in keys}},
        )
    for name, numbers in summary.get("losses", {}).items():
        if "unfit" in numbers:
            yield _unfit("loss", name, numbers)
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
    for name, numbers in summary.get("strategies", {}).items():
        if "unfit" in numbers["generated"]:
            yield dataclasses.replace(_unfit("strategy", name, numbers["generated"]), values=metrics(numbers))
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
    for name, numbers in summary.get("methods", {}).items():
        if "unfit" in numbers:
            yield _unfit("method", name, numbers)
            continue
        journeys = numbers["transforms"]
        yield Child(
            kind="method",
            name=name,
            values=metrics(numbers),
            table_name="transforms.json",
            table={
                "method": [name] * len(journeys),
                "transform": list(journeys),
                **{key: [each[key] for each in journeys.values()] for key in ("ssim_edit", "protected_share")},
            },
        )


def _models(kind: str, name: str, numbers: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Child:
    """A distribution of accuracies, model by model."""
    accuracies = numbers["accuracies"]
    return Child(
        kind=kind,
        name=name,
        values=[*metrics(numbers), *(("accuracy", value, step) for step, value in enumerate(accuracies))],
        table_name="accuracies.json",
        table={kind: name, "model": list(range(len(accuracies))), "test_accuracy": accuracies},
        tags=tags or {},
    )


def _unfit(kind: str, name: str, entry: Mapping[str, Any]) -> Child:
    """What has no models: why, for the first network on which it has none."""
    record = entry["unfit"]
    told = {key: [record[key]] for key in ("seed", "gate", "value", "limit", "problem", "remedy")}
    return Child(
        kind=kind,
        name=name,
        values=metrics({"unfit": record}),
        table_name="unfit.json",
        table={kind: [name], **told},
        tags={"verdict": "unfit"},
    )


def _transplants(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By recipient, what was written into it, and in which order of the hidden units."""
    found = {
        f"{recipient} {source} {kind}": numbers
        for recipient, sources in summary.get("transplants", {}).items()
        for source, kinds in sources.items()
        for kind, numbers in kinds.items()
    }
    return found | ({"badnets fine_tuned": summary["fine_tuning"]} if "fine_tuning" in summary else {})


def _unseen(summary: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What was written into networks that a generator never saw; other studies tell other things by this name."""
    return (summary.get("held_out") or {}) if "transplants" in summary else {}


def _attacks(summary: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Per attack, what it did to each of the networks."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for model, told in summary.get("models", {}).items():
        for attack, numbers in told.get("attacks", {}).items():
            found.setdefault(attack, {})[model] = numbers
    return found


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
    for cell in summary.get("cells", []):
        if "unfit" in cell["generated"]:
            sets[f"{cell['varied']} {cell['value']}"] = cell["generated"]
            continue
        kept = {"audit": {key: cell[key] for key in ("verdict", "dispersion", "iou", "lead")}}
        sets[f"{cell['varied']} {cell['value']}"] = {**cell["generated"], **cell["difference"], **kept}
    return sets
