"""From what the jobs of an invertibility study left to `summary.json` and `details.json`."""

import base64
import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from storage.attack_rows import read_attack_rows
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import read_json
from storage.metamer_rows import read_metamer_rows
from tasks.generation.summarise import data_facts, told_by
from tasks.invertibility.invertible_training import CE, CONTROL, ICE, Mark
from tasks.results.significance import change, untrained
from tasks.results.unfit import UNFIT, Unfit, as_records, entry, headline
from tasks.robustness.attack_metrics import Budgets, attacked_models
from tasks.robustness.models_under_test import Subject
from tasks.runtime.stage import stage

LOSSES = (CE, CONTROL, ICE)
KINDS_OF_MARKS = ("binary", "textured")
LARGEST = ("logit_error", "inverse_error", "float32", "float64")
"""Errors of arithmetic, of which the worst over the seeds counts; of all else the mean."""
Table = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inverted:
    """What the jobs left; `read` and `metamers` in the order of `subjects`, `shifts` in that of `marked`."""

    subjects: tuple[Subject, ...]
    read: tuple[Ref, ...]
    metamers: tuple[Ref, ...]
    marked: tuple[tuple[Subject, Mark], ...]
    shifts: tuple[Ref, ...]
    attacked: tuple[Ref, ...]
    unfit: tuple[Unfit, ...] = ()
    """Of networks that are among no subjects; part: the loss, and the mark where there is one."""

    def references(self) -> dict[str, dict[str, str]]:
        named = {f"{each.name} seed {each.seed}": each.base for each in self.subjects}
        named |= {f"{each.name} seed {each.seed} {mark.kind}": each.base for each, mark in self.marked}
        for what in ("read", "metamers", "shifts", "attacked"):
            named |= {f"{what} {number}": ref for number, ref in enumerate(getattr(self, what))}
        return {name: dataclasses.asdict(ref) for name, ref in named.items() if ref}


@stage
def summarise_invertibility(
    products: Inverted, budgets: Budgets, splits: Splits, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`losses`, each the mean over its seeds with `per_seed` and `spread` beside; what the figures draw."""
    table = read_metamer_rows([ref.path for ref in products.metamers]) if products.metamers else {}
    attacks = read_attack_rows([ref.path for ref in products.attacked]) if products.attacked else None
    attacked = attacked_models(attacks, budgets) if attacks else {}
    unfit = [*products.unfit, *_without_metamers(products, table)]
    shifts = [read_json(ref.path) for ref in products.shifts]
    read = [read_json(ref.path) for ref in products.read]
    losses: dict[str, Any] = {}
    for name in LOSSES:
        each = []
        for subject, told in zip(products.subjects, read, strict=True):
            if subject.name == name:
                own = (table["model"] == name) & (table["member"] == subject.member)
                if not own.any():
                    continue
                under = {
                    mark.kind: errors
                    for (other, mark), errors in zip(products.marked, shifts, strict=True)
                    if (other.name, other.member) == (name, subject.member)
                }
                rows = {key: column[own] for key, column in table.items()}
                each.append({"seed": subject.seed, **_network(told), "metamers": _metamers(rows), "shift": under})
        if not each:
            losses[name] = entry([record for record in unfit if record.part == name])
            continue
        kept = {key: attacked[name][key] for key in ("clean_accuracy", "worst_case_accuracy", "attacks")}
        losses[name] = {**averaged(each), **kept, "per_seed": each, "spread": _spread(each)}
        losses[name]["metamers"]["n"] = int((table["model"] == name).sum())
        for kind in KINDS_OF_MARKS:
            if records := [record for record in unfit if record.part == f"{name} {kind}"]:
                losses[name]["shift"].setdefault(kind, entry(records))
    summary = {
        "verdict": " ".join(
            [*_headlines(unfit), verdict(losses, data_facts(splits)) if _whole(losses) else _partial(losses)]
        ),
        "losses": losses,
        "unfit": as_records(unfit),
        "seeds": sorted({each.seed for each in products.subjects} | {record.seed for record in unfit}),
        "budgets": dataclasses.asdict(budgets),
        "data": data_facts(splits),
    }
    return summary, {
        "curves": _curves(products),
        "gallery": gallery(table, splits) if table else {},
        "references": products.references(),
    }


def _without_metamers(products: Inverted, table: Table) -> list[Unfit]:
    """Networks that nothing was wrong with until a metamer's code was inverted."""
    made = set(zip(table["model"].tolist(), table["member"].tolist(), strict=True)) if table else set()
    problem = "the inverse of a metamer’s code is not finite in float64"
    return [
        Unfit(part=each.name, seed=each.seed, problem=problem)
        for each in products.subjects
        if (each.name, each.member) not in made
    ]


def _headlines(unfit: Sequence[Unfit]) -> list[str]:
    parts = dict.fromkeys(record.part for record in unfit)
    return [headline([record for record in unfit if record.part == part], part) for part in parts]


def _whole(losses: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every loss has all numbers, on one network at least."""
    return not any(UNFIT in each or any(UNFIT in mark for mark in each["shift"].values()) for each in losses.values())


def _partial(losses: Mapping[str, Mapping[str, Any]]) -> str:
    """What was measured, of the losses that have numbers."""
    told = [
        f"{name} {_percent(each['nuisance_error'])} and {_percent(each['test_error'])}"
        for name, each in losses.items()
        if UNFIT not in each
    ]
    return f"Nuisance error and test error: {'; '.join(told)}." if told else "Nothing was measured."


def _network(told: Mapping[str, Any]) -> dict[str, Any]:
    errors, nuisance, seconds = told["errors"], told["nuisance"], told["seconds"]
    chosen = nuisance["readers"][nuisance["chosen"]]
    return {
        "test_error": errors["test"],
        "train_error": errors["train"],
        "validation_error": errors["validation"],
        "nuisance_error": chosen["test"],
        "nuisance_train_error": chosen["train"],
        "nuisance_validation_error": chosen["validation"],
        "nuisance_reader": nuisance["chosen"],
        "readers": nuisance["readers"],
        "inverse_error": told["inverse_error"],
        "seconds": seconds,
        "inverse_over_forward": seconds["inverse"] / max(seconds["forward"], 1e-9),
    }


def _metamers(rows: Table) -> dict[str, Any]:
    """Shares are of all pairs; errors are those of the worst; distances are means."""
    a, b = rows["label_a"], rows["label_b"]
    return {
        "n": len(a),
        "vulnerable_share": float(rows["vulnerable"].mean()),
        "sound_share": float(rows["sound"].mean()),
        "predicted_a_share": float((rows["predicted"] == a).mean()),
        "predicted_a_shown_share": float((rows["predicted_shown"] == a).mean()),
        "seen_a_share": float((rows["seen"] == a).mean()),
        "seen_b_share": float((rows["seen"] == b).mean()),
        "witness_right_share": float((rows["seen_in_b"] == b).mean()),
        "logit_error": float(rows["logit_error"].max()),
        "inverse_error": float(rows["inverse_error"].max()),
        "out_of_range_share": float(rows["out_of_range"].mean()),
        **{f"mean_{name}": float(rows[name].mean()) for name in ("l2_to_a", "l2_to_b", "ssim_to_a", "ssim_to_b")},
    }


def averaged(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers as their mean, or the largest of `LARGEST`; words as the most frequent."""
    found: dict[str, Any] = {}
    firsts = {key: value for one in reversed(each) for key, value in one.items()}
    for key, first in firsts.items():
        values = [one[key] for one in each if key in one]
        if isinstance(first, Mapping):
            found[key] = averaged(values)
        elif isinstance(first, str):
            found[key] = statistics.mode(values)
        elif key != "seed":
            found[key] = max(values) if key in LARGEST else statistics.fmean(values)
    return found


def _spread(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{n, std{KEY}}` over the seeds, of what is compared; a single network has none."""
    values = {key: [one[key] for one in each] for key in ("test_error", "nuisance_error")}
    values["vulnerable_share"] = [one["metamers"]["vulnerable_share"] for one in each]
    return {
        "n": len(each),
        "std": {key: statistics.stdev(found) if len(found) > 1 else 0.0 for key, found in values.items()},
    }


NAMES = {CE: "cross-entropy", CONTROL: "likelihood alone", ICE: "independence cross-entropy"}


def verdict(losses: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any]) -> str:
    """What the nuisance tells, what it costs to hide it, and what becomes of metamers and shifts."""
    ce, control, ice = (losses[name] for name in LOSSES)
    if nothing := untrained({NAMES[name]: 1 - losses[name]["test_error"] for name in (CE, ICE)}, data):
        return nothing
    text = (
        f"{_effect(ce, ice, data['test'])}, at a test error of {_percent(ice['test_error'])} against "
        f"{_percent(ce['test_error'])} (likelihood alone: {_percent(control['nuisance_error'])} and "
        f"{_percent(control['test_error'])}); its metamers fool it in "
        f"{_percent(ice['metamers']['vulnerable_share'])}, those of cross-entropy in "
        f"{_percent(ce['metamers']['vulnerable_share'])}"
    )
    shifts = [
        f"{kind} {_percent(ice['shift'][kind]['shifted_error'])} against {_percent(told['shifted_error'])}"
        for kind, told in ce["shift"].items()
    ]
    return f"{text}. Error where a mark of the class lies: {', '.join(shifts)}."


def _effect(ce: Mapping[str, Any], ice: Mapping[str, Any], images: int) -> str:
    """What independence cross-entropy does to the nuisance error, in the direction that the numbers have."""
    before, after = ce["nuisance_error"], ice["nuisance_error"]
    pairs = list(zip(*([one["nuisance_error"] for one in each.get("per_seed", ())] for each in (ce, ice)), strict=True))
    seeds = " (one seed)" if len(pairs) == 1 else ""
    ends = f"from {_percent(before)} to {_percent(after)}"
    match change(before, after, images, pairs):
        case "higher":
            return f"Independence cross-entropy raises the nuisance error {ends}{seeds}"
        case "lower":
            return f"Independence cross-entropy lowers the nuisance error {ends}{seeds}"
        case "equal":
            within = f"{ends} is within the sampling error{seeds}"
            return f"Independence cross-entropy does not change the nuisance error: {within}"
        case _:
            return "The nuisance errors are not numbers"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _curves(products: Inverted) -> dict[str, list[dict[str, Any]]]:
    curves: dict[str, list[dict[str, Any]]] = {}
    for subject in products.subjects:
        assert subject.base is not None
        for name, curve in told_by(subject.base)["curves"].items():
            curves.setdefault(name, []).append({"label": f"seed {subject.seed}"} | curve)
    return curves


def gallery(table: Table, splits: Splits) -> dict[str, Any]:
    """The first pairs as they are, and each loss's pictures of them; float32 pixels in base64, of one seed."""
    originals, told = {}, []
    for place in np.flatnonzero([picture is not None for picture in table["picture"]]):
        if table["member"][place]:
            continue
        row = {key: column[place] for key, column in table.items()}
        for sample in (int(row["a"]), int(row["b"])):
            image = splits.test.images[sample].float() / 255
            originals[str(sample)] = base64.b64encode(image.numpy().tobytes()).decode()
        numbers = ("a", "b", "label_a", "label_b", "predicted", "predicted_shown", "seen", "vulnerable")
        pictures = {key: row[key] and base64.b64encode(row[key]).decode() for key in ("picture", "strip")}
        told.append({"model": str(row["model"]), **{key: int(row[key]) for key in numbers}, **pictures})
    return {"shape": list(splits.shape), "classes": list(splits.classes), "originals": originals, "metamers": told}
