"""From the numbers of transplanted rows to `summary.json` and `details.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.evaluation.distribution import difference, distribution
from storage.datasets import Splits
from storage.formats import read_json, read_tensors
from tasks.align import ALIGNED, AS_IS, KINDS, matched_correlation
from tasks.backdoor_defences import Defended, defences
from tasks.recipients import BADNETS, INDEPENDENT, RECIPIENTS, SOURCE
from tasks.stage import stage
from tasks.stitch import STITCHED
from tasks.subjects import COLLECTED, GENERATED
from tasks.summarise import data_facts
from tasks.transplanted import FINE_TUNED, ONE_SHOT, Rows, Transplanted, alone, pooled, told

UNALIGNED, NONE = "unaligned", "none"
SMALL = 1e-9
"""In place of an accuracy of 0, of which nothing can be kept."""


@stage
def summarise_transplants(
    products: Transplanted, splits: Splits, defended: Defended, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything but `held_out`, which is another stage's."""
    hosts = {name: alone(products.rows(name, GENERATED)) for name in RECIPIENTS}
    moved = {
        name: {source: _kinds(products, name, source, hosts[name], seed) for source in (COLLECTED, GENERATED)}
        for name in RECIPIENTS
    }
    tuned = _kinds(products, BADNETS, FINE_TUNED, hosts[BADNETS], seed)[AS_IS]
    candidates = {f"{source} {kind}": told for source, kinds in moved[BADNETS].items() for kind, told in kinds.items()}
    summary: dict[str, Any] = {
        "recipients": hosts,
        "transplants": moved,
        "causes": causes(products, seed),
        "fine_tuning": tuned,
        "defences": defences(candidates | {FINE_TUNED: tuned}, hosts[BADNETS], defended),
        "alignment_seconds": _seconds(products),
        "held_out": None,
        "data": data_facts(splits),
    }
    summary["verdict"] = verdict(summary)
    details = {"backdoor": _backdoor(products), "references": products.references()}
    return summary, details


def _kinds(
    products: Transplanted, recipient: str, source: str, host: Mapping[str, float], seed: int
) -> dict[str, dict[str, Any]]:
    """What is told of each kind; `kept`: mean accuracy as a share of the recipient's own."""
    rows, matchings = products.rows(recipient, source), products.matching(recipient, source)
    found = {kind: _told(rows, matchings, kind, seed) for kind in (*KINDS, STITCHED) if kind in rows[0]}
    return {kind: each | {"kept": each["mean"] / max(host["clean_accuracy"], SMALL)} for kind, each in found.items()}


def _told(rows: Rows, matchings: Sequence[Mapping[str, Any]], kind: str, seed: int) -> dict[str, Any]:
    """Of all donors' rows together; `per_donor` apart, since two pairs of networks differ more than two rows do."""
    correlations = [matched_correlation(matching, kind) for matching in matchings]
    known = [each for each in correlations if each is not None]
    return told(rows, kind, seed) | {
        "agreement": {side: float(pooled(rows, kind, f"agreement_{side}").mean()) for side in ("donor", "recipient")},
        "matched_correlation": sum(known) / len(known) if known else None,
        "per_donor": [
            {
                "mean": float(each[kind]["accuracy"].mean()),
                "asr_mean": float(each[kind]["asr"].mean()),
                "matched_correlation": correlation,
            }
            for each, correlation in zip(rows, correlations, strict=True)
        ],
    }


def causes(products: Transplanted, seed: int) -> dict[str, dict[str, Any]]:
    """Generated rows where they belong, and with one mistake at a time; `difference`: what it does to their mean."""
    usual = pooled(products.rows(SOURCE, GENERATED), AS_IS, "accuracy")
    found: dict[str, np.ndarray] = {}
    if unsampled := products.rows(SOURCE, ONE_SHOT):
        found[ONE_SHOT] = pooled(unsampled, AS_IS, "accuracy")
    for name, refs in products.mistakes.items():
        found[name] = np.concatenate([read_tensors(ref.path)[0]["accuracy"].numpy() for ref in refs])
    found[UNALIGNED] = pooled(products.rows(INDEPENDENT, GENERATED), AS_IS, "accuracy")
    mistaken = {
        name: distribution(values, seed=seed) | {"difference": difference(values, usual, seed=seed)}
        for name, values in found.items()
    }
    return {NONE: distribution(usual, seed=seed)} | mistaken


def _seconds(products: Transplanted) -> dict[str, float]:
    """Of one matching, the mean over the pairs; forward passes apart."""
    told = [read_json(ref.path)["seconds"] for ref in products.matchings.values()]
    return {name: float(np.mean([each[name] for each in told])) for name in told[0]}


def _backdoor(products: Transplanted) -> dict[str, dict[str, list[float]]]:
    """Clean accuracy and ASR of every model in the backdoored network."""
    found = {
        f"{source} {kind}": (products.rows(BADNETS, source), kind)
        for source in (COLLECTED, GENERATED)
        for kind in (*KINDS, STITCHED)
        if kind in products.rows(BADNETS, source)[0]
    } | {FINE_TUNED: (products.rows(BADNETS, FINE_TUNED), AS_IS)}
    return {
        label: {name: pooled(rows, kind, name).round(6).tolist() for name in ("accuracy", "asr")}
        for label, (rows, kind) in found.items()
    }


def verdict(summary: Mapping[str, Any]) -> str:
    """What is left in the backdoored network with and without alignment, what becomes of the backdoor, and why."""
    kinds, host = summary["transplants"][BADNETS][GENERATED], summary["recipients"][BADNETS]
    aligned, plain, tuned = kinds[ALIGNED], kinds[AS_IS], summary["fine_tuning"]
    text = (
        f"Aligned, generated parameters keep {_percent(aligned['kept'])} of the backdoored network’s accuracy "
        f"({_percent(aligned['mean'])} of {_percent(host['clean_accuracy'])}, n = {aligned['n']}), as they are "
        f"{_percent(plain['kept'])}; attack success goes from {_percent(host['asr'])} to "
        f"{_percent(aligned['asr_mean'])}, by fine-tuning to {_percent(tuned['asr_mean'])}"
    )
    mistakes = {name: told["mean"] for name, told in summary["causes"].items() if name != NONE}
    worst = min(mistakes, key=lambda name: mistakes[name])
    found = next((each for each in summary["defences"] if each["defence"]), None)
    text += f"; the best defence is {found['name']}" if found else "; nothing here counts as a defence"
    return text + f". The costliest single mistake: {worst}, mean {_percent(mistakes[worst])}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
