"""Fitting generators: one job per (seed, generator), its product the fitted state with gates and losses beside it."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from typing import Any

from methods import randomness
from methods.generation.generator import Fit
from methods.generation.holdout import HoldOut
from methods.generation.passing import collected_gates
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.generators import GeneratorConfig, all_generators, fitted_by
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.rows import Material, rows_of
from tasks.run import Run
from tasks.stage import stage
from tasks.unfit import SHORTFALLS, publish_unfit, shortfall

Fits = dict[tuple[int, str], Ref]
"""By seed and generator."""


@stage
def fit(
    pool: Pool,
    config: GeneratorConfig,
    names: Collection[str],
    material: Material,
    seeds: Sequence[int],
    bases: Sequence[Ref],
    run: Run,
) -> Fits:
    """The generators that sampling `names` takes, for every seed; see `sorted_out` for those that are unfit."""
    jobs = {
        (seed, name): Job(
            work=fit_one,
            arguments=(config, name, material, seed, base, run.seed),
            target=run.product(
                "fits", ".safetensors", generator_key(config, name), material.key, seed, base.sha256, run.seed
            ),
            label=f"seed {seed} {name}",
        )
        for seed, base in zip(seeds, bases, strict=True)
        for name in dict.fromkeys(fitted_by(config, each) for each in names)
    }
    return dict(zip(jobs, pool.carry_out("fit", list(jobs.values())), strict=True))


def generator_key(config: GeneratorConfig, name: str) -> object:
    """What decides a generator: its name alone for a baseline, else the whole configuration."""
    return config if name == config.kind else name


def fit_one(
    laboratory: Laboratory,
    config: GeneratorConfig,
    name: str,
    material: Material,
    seed: int,
    base: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    rows, split = rows_of(material, seed)
    network, layout = laboratory.network(seed, base), laboratory.layout
    with collected_gates() as passed:
        try:
            fitted = all_generators(config)[name].fit(
                rows,
                accuracy=lambda candidates: laboratory.validation_hits(network, layout, candidates),
                seed=randomness.derive(run_seed, "fit", name, seed),
                device=laboratory.device,
                on_step=on_step,
            )
        except SHORTFALLS as error:
            if name != config.kind:
                raise  # a baseline that cannot be fitted leaves nothing to compare with
            publish_unfit(target, shortfall(error, name, seed, passed), split_facts(split))
        else:
            publish_fit(target, fitted, split)


def publish_fit(target: str, fitted: Fit, split: HoldOut) -> None:
    """The sampler's state, with gates, losses and facts beside it."""
    told = {
        "gates": {gate: dataclasses.asdict(value) for gate, value in fitted.gates.items()},
        "curves": {curve: dataclasses.asdict(value) for curve, value in fitted.curves.items()},
        "facts": {**fitted.facts, **split_facts(split)},
    }
    publish_tensors(target, fitted.sampler.state(), {key: json.dumps(value) for key, value in told.items()})


def split_facts(split: HoldOut) -> dict[str, Any]:
    """Which rows the generator may learn from, and which are held out."""
    return {
        "train_rows": len(split.train),
        "held_out_rows": len(split.held_out),
        "gap": split.gap,
        "autocorrelation_time": split.autocorrelation_time,
        "gap_limited": split.gap_limited,
    }
