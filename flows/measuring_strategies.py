"""What is known of one strategy: its rows, what is generated from them, and what both are worth elsewhere."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from flows.configuration import ParameterDiffusion, Strategies
from flows.strategies_elsewhere import Elsewhere, moved
from methods.evaluation.distribution import distribution
from methods.evaluation.diversity import diversity
from storage.datasets import Splits
from storage.files import Ref
from storage.scores import read_scores
from storage.snapshot_set import SnapshotSet
from tasks.collect import collect
from tasks.evaluate import ORIGINAL, evaluate
from tasks.fit import fit
from tasks.pool import Pool
from tasks.rows import Material, matrix_of
from tasks.run import Run
from tasks.sample import sample
from tasks.train import train
from tasks.unfit import as_records, distribution_or_entry, sorted_out

BASELINES = ("mean", "gaussian")
"""Made from the same rows, without any diffusion."""


def measured(
    study: Strategies, own: ParameterDiffusion, pool: Pool, splits: Splits, elsewhere: Elsewhere, run: Run
) -> dict[str, Any]:
    """Everything that is known of one strategy."""
    seeds, config, kind = own.seeds, own.generator, own.generator.kind
    bases = train(pool, own.apparatus, splits, seeds, run)
    snapshots, _ = collect(pool, own.apparatus, splits, seeds, bases, run)
    material = Material(snapshots=snapshots, fit_rows=own.fit_rows)
    names = (kind, *BASELINES)
    sampled, missing = sorted_out(
        sample(pool, config, names, material, fit(pool, config, names, material, seeds, bases, run), own.samples, run)
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
        "generated": distribution_or_entry(accuracies[kind], list(missing.values()), run.seed),
        "baselines": {name: distribution(accuracies[name], seed=run.seed) for name in BASELINES},
        **moved(study, own, pool, splits, snapshots, bases, elsewhere, sampled, list(missing.values()), run),
        "unfit": as_records(missing.values()),
        "references": {"snapshots": dataclasses.asdict(snapshots)},
    }


def _diversity(snapshots: Ref, seeds: Sequence[int]) -> float:
    """Mean over the networks: rows of two of them are not compared."""
    return float(np.mean([diversity(torch.from_numpy(matrix_of(snapshots, seed)[0])) for seed in seeds]))
