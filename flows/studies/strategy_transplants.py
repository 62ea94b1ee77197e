"""What one strategy's rows are worth in networks that they were not collected from: a clean one, and a backdoored."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.studies.parameter_diffusion import ParameterDiffusion
from methods.backdoor.badnets import BadNets
from methods.evaluation.distribution import distribution
from methods.layout import Layout
from storage.files import Ref
from storage.formats import read_json
from storage.snapshot_set import SnapshotSet
from tasks.generation.sample import Samples
from tasks.results.unfit import Unfit, entry
from tasks.robustness.models_under_test import COLLECTED, GENERATED
from tasks.runtime.context import RunContext
from tasks.transplant.align import ALIGNED, AS_IS, Alignment, Weights, align, matched_correlation
from tasks.transplant.backdoor_defences import Defended, defences
from tasks.transplant.recipients import BADNETS, INDEPENDENT
from tasks.transplant.transplant import Graft, read_transplant, transplant
from tasks.transplant.transplant_products import FINE_TUNED, Rows, alone, pooled, told

TRIED = (AS_IS, ALIGNED)
Found = dict[tuple[str, str], Rows]
"""By recipient, and what the rows are."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """hosts: by name, the networks that rows are moved into. tuned: per layout, the backdoored one with its parameters
    fine-tuned on clean images, for `read_transplant`; none where fine-tuning diverges. alignment, backdoor, defended:
    as in the study."""

    hosts: Mapping[str, Weights]
    tuned: Mapping[Layout, Ref]
    alignment: Alignment
    backdoor: BadNets
    defended: Defended


def moved(
    own: ParameterDiffusion,
    context: RunContext,
    snapshots: Ref,
    bases: Sequence[Ref],
    elsewhere: Elsewhere,
    sampled: Samples,
    missing: Sequence[Unfit],
) -> dict[str, Any]:
    """Accuracies of generated and of collected rows in the clean recipient, and what both do to the backdoored one.

    missing: why some seeds have no generated rows.
    """
    layout, kind = SnapshotSet.open(snapshots).layout, own.generator.kind
    grafts = {
        (host, source, seed): Graft(
            name=f"{source} {seed} into {host}",
            rows=rows,
            collected=source == COLLECTED,
            layout=layout,
            donor=Weights(seed=seed, base=base),
            recipient=recipient,
        )
        for host, recipient in elsewhere.hosts.items()
        for seed, base in zip(own.seeds, bases, strict=True)
        for source, rows in ((COLLECTED, snapshots), (GENERATED, sampled.get((seed, kind))))
        if rows is not None
    }
    matchings = align(context, [graft.pair for graft in grafts.values()], layout, elsewhere.alignment)
    files = transplant(context, list(grafts.values()), matchings, elsewhere.backdoor, kinds=TRIED)
    found: Found = {}
    for (host, source, _), ref in zip(grafts, files, strict=True):
        found.setdefault((host, source), []).append(read_transplant(ref))
    clean = [matchings[graft.pair] for (host, _, _), graft in grafts.items() if host == INDEPENDENT]
    correlations = [matched_correlation(read_json(ref.path), ALIGNED) for ref in clean]
    seen = [value for value in correlations if value is not None]

    def accuracies(source: str, order: str) -> dict[str, Any]:
        rows = found.get((INDEPENDENT, source))
        return distribution(pooled(rows, order, "accuracy"), seed=context.seed) if rows else entry(missing)

    return {
        "transplanted": accuracies(GENERATED, ALIGNED),
        "transplanted_as_is": accuracies(GENERATED, AS_IS),
        "collected_transplanted": accuracies(COLLECTED, ALIGNED),
        "matched_correlation": float(np.mean(seen)) if seen else None,
        "backdoor": _backdoor(elsewhere.defended, found, elsewhere.tuned.get(layout), context.seed),
    }


def _backdoor(defended: Defended, found: Found, tuned: Ref | None, seed: int) -> dict[str, Any]:
    """`recipient`: as it is. `defences`: what became of it, as in the study `transplant`."""
    recipient = alone(found[BADNETS, COLLECTED])
    candidates = {
        f"{source} {order}": told(found[BADNETS, source], order, seed)
        for source in (GENERATED, COLLECTED)
        for order in TRIED
        if (BADNETS, source) in found
    }
    if tuned is not None:
        candidates[FINE_TUNED] = told([read_transplant(tuned)], AS_IS, seed)
    return {"recipient": recipient, "defences": defences(candidates, recipient, defended)}
