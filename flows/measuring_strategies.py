"""What is known of one strategy: its rows, what is generated from them, and what both are worth elsewhere."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from flows.configuration import ParameterDiffusion, Strategies
from methods.evaluation.distribution import distribution
from methods.evaluation.diversity import diversity
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import read_json
from storage.scores import read_scores
from storage.snapshot_set import SnapshotSet
from tasks.align import ALIGNED, AS_IS, Weights, align, matched_correlation
from tasks.collect import collect
from tasks.evaluate import ORIGINAL, evaluate
from tasks.fit import fit
from tasks.pool import Pool
from tasks.rows import Material, matrix_of
from tasks.run import Run
from tasks.sample import Samples, sample
from tasks.train import train
from tasks.transplant import Graft, read_transplant, transplant

BASELINES = ("mean", "gaussian")
"""Made from the same rows, without any diffusion."""
TRIED = (AS_IS, ALIGNED)


def measured(
    study: Strategies, own: ParameterDiffusion, pool: Pool, splits: Splits, recipient: Ref, run: Run
) -> dict[str, Any]:
    """Everything that is known of one strategy."""
    seeds, config, kind = own.seeds, own.generator, own.generator.kind
    bases = train(pool, own.apparatus, splits, seeds, run)
    snapshots, _ = collect(pool, own.apparatus, splits, seeds, bases, run)
    material = Material(snapshots=snapshots, fit_rows=own.fit_rows)
    names = (kind, *BASELINES)
    sampled = sample(
        pool, config, names, material, fit(pool, config, names, material, seeds, bases, run), own.samples, run
    )
    scores = read_scores([ref.path for ref in evaluate(pool, snapshots, sampled, seeds, bases, run)])
    stored = SnapshotSet.open(snapshots)
    accuracies = {name: scores.test_accuracy[scores.generator == name] for name in (ORIGINAL, *names)}
    return {
        "rows": stored.rows,
        "numbers": stored.layout.size,
        "diversity": _diversity(snapshots, seeds),
        "live": float(np.mean(stored.scalars().column("accuracy").to_numpy())),
        "original": distribution(accuracies[ORIGINAL], seed=run.seed),
        "generated": distribution(accuracies[kind], seed=run.seed),
        "baselines": {name: distribution(accuracies[name], seed=run.seed) for name in BASELINES},
        **moved(study, own, pool, splits, snapshots, bases, recipient, sampled, run),
        "references": {"snapshots": dataclasses.asdict(snapshots)},
    }


def _diversity(snapshots: Ref, seeds: Sequence[int]) -> float:
    """Mean over the networks: rows of two of them are not compared."""
    return float(np.mean([diversity(torch.from_numpy(matrix_of(snapshots, seed)[0])) for seed in seeds]))


def moved(
    study: Strategies,
    own: ParameterDiffusion,
    pool: Pool,
    splits: Splits,
    snapshots: Ref,
    bases: Sequence[Ref],
    recipient: Ref,
    sampled: Samples,
    run: Run,
) -> dict[str, Any]:
    """Accuracies of generated rows in the recipient, and of collected ones, hidden units matched or as they come."""
    layout, kind = SnapshotSet.open(snapshots).layout, own.generator.kind
    goal = Weights(seed=study.recipient, base=recipient)
    grafts: list[Graft] = []
    for seed, base in zip(own.seeds, bases, strict=True):
        generated = Graft(
            name=f"seed {seed}",
            rows=sampled[seed, kind],
            collected=False,
            layout=layout,
            donor=Weights(seed=seed, base=base),
            recipient=goal,
        )
        grafts += [generated, dataclasses.replace(generated, rows=snapshots, collected=True)]
    matchings = align(pool, [graft.pair for graft in grafts], layout, study.alignment, splits, run)
    files = transplant(pool, grafts, matchings, study.backdoor, splits, run, kinds=TRIED)
    found: dict[tuple[bool, str], list[Any]] = {}
    for graft, ref in zip(grafts, files, strict=True):
        for tried, numbers in read_transplant(ref).items():
            found.setdefault((graft.collected, tried), []).append(numbers["accuracy"])
    means = {each: distribution(np.concatenate(values), seed=run.seed) for each, values in found.items()}
    correlations = [matched_correlation(read_json(ref.path), ALIGNED) for ref in matchings.values()]
    seen = [value for value in correlations if value is not None]
    return {
        "transplanted": means[False, ALIGNED],
        "transplanted_as_is": means[False, AS_IS],
        "collected_transplanted": means[True, ALIGNED],
        "matched_correlation": float(np.mean(seen)) if seen else None,
    }
