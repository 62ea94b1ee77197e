"""From the tables of attacked samples to `summary.json` and `details.json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from storage.attack_rows import read_attack_rows
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import read_json
from tasks.generation.summarise import data_facts
from tasks.results.unfit import UNFIT, Unfit, as_records, entry, headline
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets, attacked_models, distances, pictures
from tasks.robustness.attack_verdict import verdict
from tasks.robustness.models_under_test import GENERATED

SUBJECTS = {GENERATED: "The generator"}
"""What is unfit, as a sentence begins, where it is not the name itself."""


def summarise_attacks(
    files: Sequence[Ref],
    diagnoses: Mapping[str, Ref],
    attempts: Sequence[Attempt],
    budgets: Budgets,
    splits: Splits,
    tutorial: Ref | None = None,
    missing: Mapping[str, Sequence[Unfit]] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """missing: why there are none, or not as many, models of these names."""
    table = read_attack_rows([ref.path for ref in files])
    models = attacked_models(table, budgets)
    for name, model in models.items():
        model["masking"] = read_json(diagnoses[name].path) if name in diagnoses else None
    nearest = {attempt.name: attempt.norm for attempt in attempts if attempt.norm and not attempt.targeted}
    references = {f"block {number}": {"path": ref.path, "sha256": ref.sha256} for number, ref in enumerate(files)}
    unfit = {name: records for name, records in (missing or {}).items() if records}
    summary: dict[str, Any] = {
        "verdict": " ".join(
            [*(headline(records, SUBJECTS.get(name, name)) for name, records in unfit.items()), verdict(models)]
        ),
        "models": models | {name: entry(records) for name, records in unfit.items() if name not in models},
        "unfit": as_records(record for records in unfit.values() for record in records),
        "budgets": dataclasses.asdict(budgets),
        "data": data_facts(splits),
    }
    details: dict[str, Any] = {
        "distances": distances(table, nearest),
        "norms": nearest,
        "pictures": pictures(table, splits),
        "references": references,
    }
    told = read_json(tutorial.path) if tutorial is not None else {}
    if UNFIT in told:
        summary[UNFIT].append(told[UNFIT])
    elif told:
        details["tutorial"] = told
        summary["tutorial"] = _without_pictures(told)
    return summary, details


def _without_pictures(told: Mapping[str, Any]) -> dict[str, Any]:
    stories = {
        name: {key: value for key, value in story.items() if key not in ("pictures", "shape")}
        for name, story in told["stories"].items()
    }
    return {**told, "stories": stories}
