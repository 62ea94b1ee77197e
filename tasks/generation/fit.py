"""Fitting generators: one job per (seed, generator), its product the fitted state with gates and losses beside it."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from typing import Any

from methods import randomness
from methods.generation.generator import Fit
from methods.generation.holdout import HoldOut
from methods.generation.passing import collected_gates
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import Material, rows_of
from tasks.generation.generators import GeneratorConfig, build, chosen, fitted_by
from tasks.results.unfit import SHORTFALLS, publish_unfit, shortfall
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

Fits = dict[tuple[int, str], Ref]
"""By seed and generator."""


@stage
def fit(
    context: RunContext,
    config: GeneratorConfig,
    names: Collection[str],
    material: Material,
    seeds: Sequence[int],
    bases: Sequence[Ref],
) -> Fits:
    """The generators that sampling `names` takes, for every seed; see `sorted_out` for those that are unfit."""
    items = {
        (seed, name): (chosen(config, name), context.layout, material, seed, base, context.seed)
        for seed, base in zip(seeds, bases, strict=True)
        for name in dict.fromkeys(fitted_by(config, each) for each in names)
    }
    return map_jobs(context, "fit", fit_one, items, product="fits", suffix=".safetensors", label=of_seed)


def of_seed(item: tuple[int, str]) -> str:
    """For people: a network's seed and a generator."""
    return f"seed {item[0]} {item[1]}"


def fit_one(
    worker_context: ClassifierContext,
    generator: GeneratorConfig | str,
    layout: Layout,
    material: Material,
    seed: int,
    base: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """generator: the study's, or the name of a baseline."""
    rows, split = rows_of(material, seed)
    network, built = worker_context.network(seed, base), build(generator)
    name = built.name
    with collected_gates() as passed:
        try:
            fitted = built.fit(
                rows,
                accuracy=lambda candidates: worker_context.validation_hits(network, layout, candidates),
                seed=randomness.derive(run_seed, "fit", name, seed),
                device=worker_context.device,
                on_step=on_step,
            )
        except SHORTFALLS as error:
            if isinstance(generator, str):
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
