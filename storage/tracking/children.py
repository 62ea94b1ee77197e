"""Child runs of a run in MLflow, as values."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from storage.tracking.values import metrics

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


def models_child(kind: str, name: str, numbers: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Child:
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


def unfit_child(kind: str, name: str, entry: Mapping[str, Any]) -> Child:
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
