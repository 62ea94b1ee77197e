"""From the scores of rows written into networks never seen to the summary's `held_out`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.evaluation.distribution import difference, distribution
from storage.files import Ref
from storage.formats import read_json, read_tensors
from storage.scores import Scores, read_scores
from tasks.classifiers.evaluate import ORIGINAL
from tasks.classifiers.training_rows import matrix_of
from tasks.generation.sample import Samples
from tasks.results.significance import untrained
from tasks.results.unfit import UNFIT, Unfit, as_records, entry, headline
from tasks.runtime.stage import stage
from tasks.transplant.align import ALIGNED, matched_correlation
from tasks.unseen.held_out import HeldOut
from tasks.unseen.held_out_rows import GENERATOR, MEAN_OF_ALIGNED, READOUT, REAL

OWN = "own_snapshots"
"""Rows that were collected from the recipient itself: what the generator knows nothing of."""
ACROSS = "The generator for networks never seen"
MARGIN = 0.03
"""As near to aligned real rows generated ones should come, in accuracy."""


@stage
def summarise_held_out(
    held_out: HeldOut,
    rows: Samples,
    scores: Sequence[Ref],
    snapshots: Ref,
    matchings: Sequence[Ref],
    seed: int,
    missing: Mapping[tuple[int, str], Unfit],
    data: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Test accuracies by what was written into the networks, and what else is known, as per network.

    snapshots: of the held-out networks. spread_ratio: mean over the numbers of a row of the generated rows' standard
    deviation over that of the network's own rows, None without any. missing: by network and name, why there are no
    rows.
    """
    found = read_scores([ref.path for ref in scores])
    names = [OWN if name == ORIGINAL else str(name) for name in dict.fromkeys(found.generator)]
    per_seed = {str(each): accuracies(found, found.seed == each, seed) for each in held_out.held_out_seeds}
    overall = accuracies(found, np.ones(len(found), bool), seed)
    for (each, name), record in missing.items():
        per_seed[str(each)][name] = entry([record])
        overall.setdefault(name, entry([other for (_, of), other in missing.items() if of == name]))
    generated = overall[GENERATOR].get("accuracies")
    made = [(ref, snapshots, each) for (each, name), ref in rows.items() if name == GENERATOR]
    likeness = [matched_correlation(read_json(ref.path), ALIGNED) for ref in matchings]
    facts = {
        "differences": {
            name: difference(generated, overall[name]["accuracies"], seed=seed)
            for name in names
            if generated is not None and name != GENERATOR
        },
        "per_seed": per_seed,
        "spread_ratio": float(np.mean([spread_ratio(*each) for each in made])) if made else None,
        "matched_correlation": float(np.mean([each for each in likeness if each is not None])),
        "training_seeds": list(held_out.training_seeds),
        "held_out_seeds": list(held_out.held_out_seeds),
        "verdict": " ".join(filter(None, [headline(missing.values(), ACROSS), verdict(overall, per_seed, data)])),
        "unfit": as_records(missing.values()),
    }
    return overall, facts


def accuracies(scores: Scores, chosen: np.ndarray, seed: int) -> dict[str, Any]:
    """The distribution of the chosen models' test accuracies, by what was written into the network."""
    return {
        OWN if name == ORIGINAL else str(name): distribution(
            scores.test_accuracy[chosen & (scores.generator == name)], seed=seed
        )
        for name in dict.fromkeys(scores.generator[chosen])
    }


def spread_ratio(generated: Ref, snapshots: Ref, seed: int) -> float:
    own = matrix_of(snapshots, seed)[0]
    return float(read_tensors(generated.path)[0]["rows"].numpy().std(0).mean() / own.std(0).mean())


def verdict(
    overall: Mapping[str, Any], per_seed: Mapping[str, Mapping[str, Any]], data: Mapping[str, Any] | None = None
) -> str:
    """Means by what was written into the networks; data: for telling trained networks from those at chance level."""
    real, mean, own, readout = (_percent(overall[name]["mean"]) for name in (REAL, MEAN_OF_ALIGNED, OWN, READOUT))
    if data and (nothing := untrained({"the networks' own rows": overall[OWN]["mean"]}, data)):
        return nothing
    fit = [each for each in per_seed.values() if UNFIT not in each[GENERATOR]]
    if not fit:
        return (
            f"Written into networks never seen, aligned rows of other networks reach {real} on average, their mean "
            f"{mean}, the networks' own rows {own}, a linear readout {readout}."
        )
    made = _percent(overall[GENERATOR]["mean"])
    near = sum(each[GENERATOR]["mean"] >= each[REAL]["mean"] - MARGIN for each in fit)
    return (
        f"Rows generated for networks never seen reach {made} on average, aligned rows of other networks {real}, their "
        f"mean {mean}, the networks' own rows {own}, a linear readout {readout}; on {near} of {len(fit)} networks "
        f"generated rows are no more than {100 * MARGIN:.0f} points below aligned ones."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
