"""What the tables of attacked samples say: per model and attack, and the worst case over all attacks."""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from jaxtyping import Bool

from methods.evaluation.distribution import distribution
from storage.datasets import Splits
from tasks.results.significance import above_chance

Table = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How far an adversarial image may lie from the clean one, per norm, to count in the worst case.

    l0 counts pixels. An attack that looks for the nearest adversarial image has no budget of its own: what it finds
    counts where it lies within one of these.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    linf: Annotated[float, Ge(0)]
    l2: Annotated[float, Ge(0)]
    l1: Annotated[float, Ge(0)]
    l0: Annotated[int, Ge(0)]


NORMS = tuple(field.name for field in dataclasses.fields(Budgets))
ROUNDING = {"linf": 1e-6, "l2": 1e-5, "l1": 1e-3, "l0": 0}
"""A pixel moved by ε in float32 lies up to 6e-8 further away, and distances add that up over pixels."""


def attacked_models(table: Table, budgets: Budgets) -> dict[str, dict[str, Any]]:
    """Per model `{clean_accuracy, images, chance, trained, worst_case_accuracy, worst_case{NORM}, members, attacks}`.

    chance: accuracy of naming the most frequent class of the `images`; trained: whether the network is above it.
    """
    return {name: _model(_part(table, table["model"] == name), budgets) for name in _names(table["model"])}


def _model(table: Table, budgets: Budgets) -> dict[str, Any]:
    inside = {norm: within(table, norm, getattr(budgets, norm)) for norm in NORMS}
    worst = {norm: survivors(table, broken) for norm, broken in inside.items()}
    everything = survivors(table, np.logical_or.reduce(list(inside.values())))
    first = _part(table, table["attack"] == table["attack"][0])
    members = len(set(table["member"].tolist()))
    clean = float((first["clean_prediction"] == first["label"]).mean())
    images = len(set(first["sample"].tolist()))
    chance = float(np.unique(first["label"], return_counts=True)[1].max() / len(first["label"]))
    return {
        "clean_accuracy": clean,
        "images": images,
        "chance": chance,
        "trained": above_chance(clean, images, chance),
        "worst_case_accuracy": float(everything.mean()),
        "worst_case": {norm: float(alive.mean()) for norm, alive in worst.items()},
        "members": members,
        "attacks": {
            name: _attack(_part(table, table["attack"] == name), members, inside, table["attack"] == name)
            for name in _names(table["attack"])
        },
    }


def within(table: Table, norm: str, budget: float) -> Bool[np.ndarray, " rows"]:
    """Rows whose adversarial image is one, and lies within the budget."""
    return table["success"] & (table[norm] <= budget + ROUNDING[norm])


def survivors(table: Table, broken: Bool[np.ndarray, " rows"]) -> Bool[np.ndarray, " samples"]:
    """Per member and sample: classified correctly, and broken by no attack (the mean of minima over attacks)."""
    pairs = np.stack([table["member"].astype(np.int64), table["sample"]])
    _, place = np.unique(pairs, axis=1, return_inverse=True)
    alive = np.ones(place.max() + 1, bool)
    np.logical_and.at(alive, place.reshape(-1), ~broken & (table["clean_prediction"] == table["label"]))
    return alive


def _attack(rows: Table, members: int, inside: Mapping[str, np.ndarray], own: np.ndarray) -> dict[str, Any]:
    """Success is the share of the samples that were right and were turned; distances are means over those."""
    right = rows["clean_prediction"] == rows["label"]
    turned = right & rows["success"]
    near = np.logical_or.reduce(list(inside.values()))[own]
    told: dict[str, Any] = {
        "n": len(right),
        "success": float(turned.sum() / max(right.sum(), 1)),
        "robust_accuracy": float((right & ~rows["success"]).mean()),
        "robust_accuracy_within_budgets": float((right & ~near).mean()),
        **{f"mean_{norm}": float(rows[norm][turned].mean()) if turned.any() else None for norm in ("l0", "l1", "l2")},
        "mean_linf": float(rows["linf"][turned].mean()) if turned.any() else None,
        "forwards": float(rows["forwards"].mean()),
        "backwards": float(rows["backwards"].mean()),
        "seconds": float(rows["seconds"].sum()),
    }
    if members > 1:
        alive = right & ~rows["success"]
        told["per_member"] = distribution([alive[rows["member"] == one].mean() for one in np.unique(rows["member"])])
    return told


def distances(table: Table, unlimited: Mapping[str, str]) -> dict[str, dict[str, list[float | None]]]:
    """Per model and attack, how far each sample's adversarial image lies, in the norm that `unlimited` names for it.

    0 for a sample that is wrong to begin with; null for one that the attack failed on. Sorted.
    """
    found: dict[str, dict[str, list[float | None]]] = {}
    for model in _names(table["model"]):
        for name, norm in unlimited.items():
            rows = _part(table, (table["model"] == model) & (table["attack"] == name) & (table["member"] == 0))
            if not len(rows["sample"]):
                continue
            far = np.where(rows["success"], rows[norm], np.inf)
            far = np.sort(np.where(rows["clean_prediction"] == rows["label"], far, 0.0))
            found.setdefault(model, {})[name] = [float(d) if np.isfinite(d) else None for d in far]
    return found


def pictures(table: Table, splits: Splits) -> dict[str, Any]:
    """The first samples as they were, and what each attack made of them: float32 pixels in base64."""
    shown = np.array([picture is not None for picture in table["picture"]]) & (table["member"] == 0)
    rows = _part(table, shown)
    originals, told = {}, []
    for place in range(len(rows["sample"])):
        sample = int(rows["sample"][place])
        image = splits.test.images[sample].float() / 255
        originals[str(sample)] = base64.b64encode(image.numpy().tobytes()).decode()
        kept = {name: str(rows[name][place]) for name in ("model", "attack")}
        numbers = {name: int(rows[name][place]) for name in ("sample", "label", "prediction", "success")}
        told.append(kept | numbers | {"picture": base64.b64encode(rows["picture"][place]).decode()})
    return {"shape": list(splits.shape), "classes": list(splits.classes), "originals": originals, "attacked": told}


def _part(table: Table, chosen: np.ndarray) -> Table:
    return {name: column[chosen] for name, column in table.items()}


def _names(column: np.ndarray) -> list[str]:
    return list(dict.fromkeys(column.tolist()))
