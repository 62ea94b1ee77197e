"""Fitting the baseline that makes errors as novel as the generator's: one job per seed, looking at validation alone."""

from collections.abc import Sequence

import torch

from methods import randomness
from methods.audit.agreement import errors, similarity
from methods.generation.noise import match_noise
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import read_rows
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import Material, rows_of
from tasks.generation.fit import Fits, of_seed, publish_fit
from tasks.generation.generators import NOISE_MATCHED
from tasks.generation.sample import Samples
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

MODELS = 48
"""Of the generator's models, and as many noisy ones at each strength that is tried."""


@stage
def match(
    context: RunContext,
    generator: str,
    material: Material,
    generated: Samples,
    seeds: Sequence[int],
    bases: Sequence[Ref],
) -> Fits:
    """Per seed, noise whose models' mean largest error IoU with a train row is that of the generator's models.

    Nothing for a seed of which `generated` has no rows of the generator.
    """
    items = {
        (seed, NOISE_MATCHED): (context.layout, material, seed, base, generated[seed, generator], context.seed)
        for seed, base in zip(seeds, bases, strict=True)
        if (seed, generator) in generated
    }
    return map_jobs(context, "match", match_one, items, product="fits", suffix=".safetensors", label=of_seed)


def match_one(
    worker_context: ClassifierContext,
    layout: Layout,
    material: Material,
    seed: int,
    base: Ref,
    generated: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    network, labels = worker_context.network(seed, base), worker_context.splits.validation.labels
    images = worker_context.validation.images
    rows, split = rows_of(material, seed)

    def wrong(models: torch.Tensor) -> torch.Tensor:
        return errors(worker_context.predictions(network, layout, models, images), labels)

    known = wrong(rows.train)

    def novelty(models: torch.Tensor) -> float:
        return 1 - similarity(wrong(models), known).mean().item()

    sampled = read_rows(generated.path, "rows", 0, MODELS)
    fitted = match_noise(
        rows,
        novelty,
        wanted=novelty(sampled),
        models=len(sampled),
        seed=randomness.derive(run_seed, "match", seed),
        on_step=on_step,
    )
    publish_fit(target, fitted, split)
