"""The audits of several networks as one, and paired comparisons of chosen models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from methods.audit.comparing import best_of, mcnemar
from methods.audit.verdict import LADDER
from storage.scores import Scores
from tasks.classifiers.evaluate import ORIGINAL
from tasks.results.unfit import UNFIT

CONTROL = "held_out"


def audited(networks: Sequence[Mapping[str, Any]], missing: Iterable[str] = ()) -> dict[str, Any]:
    """`audit` and `audit_control` of the summary: numbers averaged over the networks, the gravest of their verdicts.

    missing: what was to be audited and has no rows, once for each network on which it is unfit: the gravest verdict
    of all, and no numbers where it has rows for no network.
    """
    names = dict.fromkeys(name for network in networks for name in network)
    found = {name: _together([network[name] for network in networks if name in network]) for name in names}
    for name in missing:
        others = found.get(name, {}).get("verdicts", [])
        found[name] = {**found.get(name, {}), "verdict": UNFIT, "verdicts": [UNFIT, *others]}
    return {"audit_control": found.pop(CONTROL), "audit": found}


def evidence(networks: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the figures draw, per network: each set's nearest distances, novelties, accuracies, and shared errors."""
    return [
        {
            "seed": seed,
            "sets": {name: each["evidence"] for name, each in network["audit"].items()},
            "verdicts": {name: each.get("verdict") for name, each in network["audit"].items()},
            "shared_errors": network["shared_errors"],
        }
        for seed, network in networks.items()
    ]


def _together(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for key, first in values[0].items():
        each = [value[key] for value in values]
        if key == "evidence":
            continue
        if key == "verdict":
            joined[key] = min(each, key=LADDER.index)
            joined["verdicts"] = each
        elif isinstance(first, Mapping):
            joined[key] = _together(each)
        elif isinstance(first, str):
            joined[key] = ", ".join(dict.fromkeys(each))
        elif isinstance(first, list):
            joined[key] = [float(np.mean(side)) for side in zip(*each, strict=True)]
        else:
            joined[key] = None if None in each else float(np.mean(each))
    return joined


def paired(scores: Scores, labels: np.ndarray, selection: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per generated set, against the originals: the chosen models on the same images, and the best of equally many.

    `mcnemar`: first is the set's choice, second the originals'. `best_of`: expected best test accuracy of n models.
    """

    def right(name: str) -> torch.Tensor:
        chosen = selection[name]
        row = np.flatnonzero(
            (scores.generator == name) & (scores.seed == chosen["seed"]) & (scores.index == chosen["chosen_index"])
        )[0]
        return torch.from_numpy(scores.test_predictions[row] == labels)

    original = scores.test_accuracy[scores.generator == ORIGINAL]
    found = {}
    for name in selection:
        if name != ORIGINAL:
            own = scores.test_accuracy[scores.generator == name]
            n = min(len(own), len(original))
            found[name] = {
                "mcnemar": mcnemar(right(name), right(ORIGINAL)),
                "best_of": {"n": n, "generated": best_of(own, n), "original": best_of(original, n)},
            }
    return found
