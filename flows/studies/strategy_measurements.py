"""What is known of one strategy: its rows, what is generated from them, and what both are worth elsewhere."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from flows.studies.parameter_diffusion import ParameterDiffusion
from flows.studies.strategy_transplants import Elsewhere, moved
from methods.evaluation.distribution import distribution
from methods.evaluation.diversity import diversity
from storage.files import Ref
from storage.scores import read_scores
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.collect import collect
from tasks.classifiers.evaluate import ORIGINAL, evaluate
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material, matrix_of
from tasks.generation.fit import fit
from tasks.generation.sample import sample
from tasks.results.unfit import as_records, distribution_or_entry, sorted_out
from tasks.runtime.context import RunContext

BASELINES = ("mean", "gaussian")
"""Made from the same rows, without any diffusion."""


def measured(own: ParameterDiffusion, elsewhere: Elsewhere, context: RunContext) -> dict[str, Any]:
    """Everything that is known of one strategy."""
    seeds, config, kind = own.seeds, own.generator, own.generator.kind
    bases = train(context, seeds)
    snapshots, _ = collect(context, seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=own.fit_rows)
    names = (kind, *BASELINES)
    fits = fit(context, config, names, material, seeds, bases)
    sampled, missing = sorted_out(sample(context, config, names, material, fits, own.samples))
    scores = read_scores([ref.path for ref in evaluate(context, snapshots, sampled, seeds, bases)])
    stored = SnapshotSet.open(snapshots)
    accuracies = {name: scores.test_accuracy[scores.generator == name] for name in (ORIGINAL, *names)}
    return {
        "rows": stored.rows,
        "numbers": stored.layout.size,
        "diversity": _diversity(snapshots, seeds),
        "live": float(np.mean(stored.scalars().column("accuracy").to_numpy())),
        "original": distribution(accuracies[ORIGINAL], seed=context.seed),
        "generated": distribution_or_entry(accuracies[kind], list(missing.values()), context.seed),
        "baselines": {name: distribution(accuracies[name], seed=context.seed) for name in BASELINES},
        **moved(own, context, snapshots, bases, elsewhere, sampled, list(missing.values())),
        "unfit": as_records(missing.values()),
        "references": {"snapshots": dataclasses.asdict(snapshots)},
    }


def _diversity(snapshots: Ref, seeds: Sequence[int]) -> float:
    """Mean over the networks: rows of two of them are not compared."""
    return float(np.mean([diversity(torch.from_numpy(matrix_of(snapshots, seed)[0])) for seed in seeds]))
