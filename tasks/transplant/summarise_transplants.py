"""From the numbers of transplanted rows to `summary.json` and `details.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.evaluation.distribution import difference, distribution
from storage.datasets import Splits
from storage.formats import read_tensors
from tasks.generation.summarise import data_facts
from tasks.results.significance import best, direction, listed, untrained
from tasks.results.unfit import UNFIT, as_records, distinct, entry, headline
from tasks.robustness.models_under_test import COLLECTED, GENERATED
from tasks.runtime.stage import stage
from tasks.runtime.timings import read_timing
from tasks.transplant.align import ALIGNED, AS_IS, KINDS, matched_correlation
from tasks.transplant.backdoor_defences import Defended, defences
from tasks.transplant.recipients import BADNETS, INDEPENDENT, RECIPIENTS, SOURCE
from tasks.transplant.stitch import STITCHED
from tasks.transplant.transplant_products import FINE_TUNED, ONE_SHOT, Rows, Transplanted, alone, pooled, told

UNALIGNED, NONE = "unaligned", "none"
SMALL = 1e-9
"""In place of an accuracy of 0, of which nothing can be kept."""
LEARNT = 0.5
"""Attack success from which on a backdoor is called learnt."""


@stage
def summarise_transplants(
    products: Transplanted, splits: Splits, defended: Defended, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything but `held_out`, which is another stage's."""
    failed = {name: entry(products.missing[name]) for name in RECIPIENTS if name in products.missing}
    hosts = {name: failed.get(name) or alone(products.rows(name, COLLECTED)) for name in RECIPIENTS}
    moved = {
        name: {source: _kinds(products, name, source, hosts[name], seed) for source in (COLLECTED, GENERATED)}
        for name in RECIPIENTS
    }
    tuned = _kinds(products, BADNETS, FINE_TUNED, hosts[BADNETS], seed)[AS_IS]
    candidates = {FINE_TUNED: tuned} if UNFIT not in tuned else {}
    candidates = {
        f"{source} {kind}": told
        for source, kinds in moved[BADNETS].items()
        for kind, told in kinds.items()
        if UNFIT not in told
    } | candidates
    missing = products.missing.get(GENERATED, ())
    unfit = [record for name in (*RECIPIENTS, FINE_TUNED) for record in products.missing.get(name, ())]
    summary: dict[str, Any] = {
        "recipients": hosts,
        "transplants": moved,
        "causes": causes(products, seed),
        "fine_tuning": tuned,
        "defences": defences(candidates, hosts[BADNETS], defended),
        "alignment_seconds": _seconds(products),
        "held_out": None,
        "data": data_facts(splits),
        "unfit": as_records([*missing, *unfit]),
    }
    said = [headline(missing), *(headline([record], f"The network {record.part}") for record in distinct(unfit))]
    compared = verdict(summary) if UNFIT not in hosts[BADNETS] and UNFIT not in tuned else ""
    summary["verdict"] = " ".join(filter(None, [*said, compared]))
    details = {"backdoor": _backdoor(products), "references": products.references()}
    return summary, details


def _kinds(
    products: Transplanted, recipient: str, source: str, host: Mapping[str, float], seed: int
) -> dict[str, dict[str, Any]]:
    """What is told of each kind; `kept`: mean accuracy as a share of the recipient's own."""
    rows, matchings = products.rows(recipient, source), products.matching(recipient, source)
    if not rows:
        why = products.missing.get(recipient) or products.missing[source]
        return {kind: entry(why) for kind in KINDS}
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
    missing = products.missing.get(GENERATED, ())
    shots = products.missing.get(ONE_SHOT, ())
    if not products.rows(SOURCE, GENERATED):
        names = (NONE, *[ONE_SHOT] * bool(shots), *products.mistakes, UNALIGNED)
        return {name: entry(missing) for name in names}
    usual = pooled(products.rows(SOURCE, GENERATED), AS_IS, "accuracy")
    found: dict[str, np.ndarray] = {}
    if unsampled := products.rows(SOURCE, ONE_SHOT):
        found[ONE_SHOT] = pooled(unsampled, AS_IS, "accuracy")
    for name, refs in products.mistakes.items():
        found[name] = np.concatenate([read_tensors(ref.path)[0]["accuracy"].numpy() for ref in refs])
    if away := products.rows(INDEPENDENT, GENERATED):
        found[UNALIGNED] = pooled(away, AS_IS, "accuracy")
    mistaken: dict[str, Any] = {
        name: distribution(values, seed=seed) | {"difference": difference(values, usual, seed=seed)}
        for name, values in found.items()
    }
    if shots and ONE_SHOT not in mistaken:
        mistaken = {ONE_SHOT: entry(shots)} | mistaken
    if UNALIGNED not in mistaken:
        mistaken[UNALIGNED] = entry(products.missing[INDEPENDENT])
    return {NONE: distribution(usual, seed=seed)} | mistaken


def _seconds(products: Transplanted) -> dict[str, float]:
    """Of one matching, the mean over the pairs; forward passes apart."""
    told = [read_timing(ref.path) for ref in products.matchings.values()]
    return {name: float(np.mean([each[name] for each in told])) for name in told[0]}


def _backdoor(products: Transplanted) -> dict[str, dict[str, list[float]]]:
    """Clean accuracy and ASR of every model in the backdoored network."""
    found = {
        f"{source} {kind}": (products.rows(BADNETS, source), kind)
        for source in (COLLECTED, GENERATED)
        for kind in (*KINDS, STITCHED)
        if any(kind in rows for rows in products.rows(BADNETS, source))
    } | {FINE_TUNED: (products.rows(BADNETS, FINE_TUNED), AS_IS)}
    return {
        label: {name: pooled(rows, kind, name).round(6).tolist() for name in ("accuracy", "asr")}
        for label, (rows, kind) in found.items()
        if rows
    }


def verdict(summary: Mapping[str, Any]) -> str:
    """What is left in the backdoored network with and without alignment, what becomes of the backdoor, and why."""
    source = COLLECTED if UNFIT in summary["transplants"][BADNETS][GENERATED][ALIGNED] else GENERATED
    kinds, host = summary["transplants"][BADNETS][source], summary["recipients"][BADNETS]
    aligned, plain, tuned = kinds[ALIGNED], kinds[AS_IS], summary["fine_tuning"]
    if nothing := untrained({"the backdoored network": host["clean_accuracy"]}, summary["data"]):
        return nothing
    if not host["asr"] >= LEARNT:
        return (
            f"Nothing can be concluded: the backdoor was not learnt; triggered images are taken for the target’s in "
            f"{_percent(host['asr'])}, less than {_percent(LEARNT)}."
        )
    stitched = f", stitched {_percent(kinds[STITCHED]['kept'])}" if STITCHED in kinds else ""
    text = (
        f"Aligned, {source} parameters keep {_percent(aligned['kept'])} of the backdoored network’s accuracy "
        f"({_percent(aligned['mean'])} of {_percent(host['clean_accuracy'])}, n = {aligned['n']}), as they are "
        f"{_percent(plain['kept'])}{stitched}; attack success goes from {_percent(host['asr'])} to "
        f"{_percent(aligned['asr_mean'])}, by fine-tuning to {_percent(tuned['asr_mean'])}"
    )
    found = next((each for each in summary["defences"] if each["defence"]), None)
    text += f"; the best defence is {found['name']}" if found else "; nothing here counts as a defence"
    return f"{text}. {costliest(summary['causes'])}".strip()


def costliest(causes: Mapping[str, Mapping[str, Any]]) -> str:
    """The single mistake that lowers the mean most, of those that lower it beyond their interval."""
    measured = {name: told for name, told in causes.items() if UNFIT not in told}
    if not measured:
        return ""
    costs = {
        name: -told["difference"]["difference"]
        for name, told in measured.items()
        if name != NONE and direction(told["difference"]["ci95"]) == "lower"
    }
    if not costs:
        return "No single mistake lowers the mean beyond its interval."
    names = best(costs)
    return f"The costliest single mistake: {listed(names)}, mean {_percent(causes[names[0]]['mean'])}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
