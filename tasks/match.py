"""Fitting the baseline that makes errors as novel as the generator's: one job per seed, looking at validation alone."""

from collections.abc import Sequence

import torch

from methods import randomness
from methods.audit.agreement import errors, similarity
from methods.generation.noise import match_noise
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import read_rows
from tasks.fit import Fits, publish_fit
from tasks.generators import NOISE_MATCHED
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.rows import Material, rows_of
from tasks.run import Run
from tasks.sample import Samples
from tasks.stage import stage

MODELS = 48
"""Of the generator's models, and as many noisy ones at each strength that is tried."""


@stage
def match(
    pool: Pool,
    generator: str,
    material: Material,
    generated: Samples,
    seeds: Sequence[int],
    bases: Sequence[Ref],
    run: Run,
) -> Fits:
    """Per seed, noise whose models' mean largest error IoU with a train row is that of the generator's models.

    Nothing for a seed of which `generated` has no rows of the generator.
    """
    jobs = {
        (seed, NOISE_MATCHED): Job(
            work=match_one,
            arguments=(material, seed, base, generated[seed, generator], run.seed),
            target=run.product(
                "fits",
                ".safetensors",
                NOISE_MATCHED,
                material.key,
                seed,
                base.sha256,
                generated[seed, generator].sha256,
                run.seed,
            ),
            label=f"seed {seed}",
        )
        for seed, base in zip(seeds, bases, strict=True)
        if (seed, generator) in generated
    }
    return dict(zip(jobs, pool.carry_out("match", list(jobs.values())), strict=True))


def match_one(
    laboratory: Laboratory,
    material: Material,
    seed: int,
    base: Ref,
    generated: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    network, labels = laboratory.network(seed, base), laboratory.splits.validation.labels
    images = laboratory.validation.images
    rows, split = rows_of(material, seed)

    def wrong(models: torch.Tensor) -> torch.Tensor:
        return errors(laboratory.predictions(network, laboratory.layout, models, images), labels)

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
