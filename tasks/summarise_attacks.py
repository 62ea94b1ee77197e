"""From the tables of attacked samples to `summary.json` and `details.json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from storage.attack_rows import read_attack_rows
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import read_json
from tasks.attack_verdict import verdict
from tasks.attempts import Attempt
from tasks.robust import Budgets, attacked_models, distances, pictures
from tasks.summarise import data_facts


def summarise_attacks(
    files: Sequence[Ref],
    diagnoses: Mapping[str, Ref],
    attempts: Sequence[Attempt],
    budgets: Budgets,
    splits: Splits,
    tutorial: Ref | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    table = read_attack_rows([ref.path for ref in files])
    models = attacked_models(table, budgets)
    for name, model in models.items():
        model["masking"] = read_json(diagnoses[name].path) if name in diagnoses else None
    nearest = {attempt.name: attempt.norm for attempt in attempts if attempt.norm and not attempt.targeted}
    references = {f"block {number}": {"path": ref.path, "sha256": ref.sha256} for number, ref in enumerate(files)}
    summary = {
        "verdict": verdict(models),
        "models": models,
        "budgets": dataclasses.asdict(budgets),
        "data": data_facts(splits),
    }
    details: dict[str, Any] = {
        "distances": distances(table, nearest),
        "norms": nearest,
        "pictures": pictures(table, splits),
        "references": references,
    }
    if tutorial is not None:
        details["tutorial"] = read_json(tutorial.path)
        summary["tutorial"] = _without_pictures(details["tutorial"])
    return summary, details


def _without_pictures(told: Mapping[str, Any]) -> dict[str, Any]:
    stories = {
        name: {key: value for key, value in story.items() if key not in ("pictures", "shape")}
        for name, story in told["stories"].items()
    }
    return {**told, "stories": stories}
