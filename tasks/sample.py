"""Sampling generated parameters: one job per (seed, generator), all its models in one batch."""

from collections.abc import Collection

import torch

from methods import randomness
from methods.errors import Diverged
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors, read_tensors
from tasks.fit import Fits, generator_key
from tasks.generators import GeneratorConfig, fitted_by, sampler
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.rows import Material, rows_of
from tasks.run import Run
from tasks.stage import stage
from tasks.unfit import publish_unfit, shortfall, sorted_out

Samples = dict[tuple[int, str], Ref]
"""By seed and generator: rows, or the record of why there are none."""


@stage
def sample(
    pool: Pool,
    config: GeneratorConfig,
    names: Collection[str],
    material: Material,
    fits: Fits,
    count: int,
    run: Run,
) -> Samples:
    """Per seed and name, `count` rows (one row where the generator has only one model to give).

    Of a generator that is unfit nothing is sampled: its fit stands in place of the rows, for `sorted_out`.
    """
    jobs, drawn = {}, (count, run.seed)
    usable, _ = sorted_out(fits)
    for seed in dict.fromkeys(seed for seed, _ in fits):
        for name in names:
            source = fitted_by(config, name)
            if (seed, source) not in usable:
                continue
            fitted, own = fits[seed, source], generator_key(config, source)
            jobs[seed, name] = Job(
                work=sample_one,
                arguments=(config, name, material, seed, fitted, count, run.seed),
                # two configurations may differ in how they sample alone: equal fits then, but not equal samples
                target=run.product("generated", ".safetensors", name, own, material.key, seed, fitted.sha256, *drawn),
                label=f"seed {seed} {name}",
            )
    made = dict(zip(jobs, pool.carry_out("sample", list(jobs.values())), strict=True))
    return {
        (seed, name): made.get((seed, name)) or fits[seed, fitted_by(config, name)]
        for seed in dict.fromkeys(seed for seed, _ in fits)
        for name in names
    }


def sample_one(
    laboratory: Laboratory,
    config: GeneratorConfig,
    name: str,
    material: Material,
    seed: int,
    fitted: Ref,
    count: int,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    state, _ = read_tensors(fitted.path)
    rows, _ = rows_of(material, seed)
    restored = sampler(config, name, state, rows, device=laboratory.device)
    samples = restored.sample(
        1 if restored.single else count, seed=randomness.derive(run_seed, "sample", name, seed), on_step=on_step
    )
    if not torch.isfinite(samples).all():
        share = (~torch.isfinite(samples)).float().mean().item()
        error = Diverged(
            problem=f"{share:.1%} of the numbers that {name} generated are not finite",
            remedy="look at the denoiser's loss; more sampling steps or the sampler 'ddpm' may help",
            step=0,
        )
        if fitted_by(config, name) != config.kind:
            raise error
        publish_unfit(target, shortfall(error, config.kind, seed))
        return
    publish_tensors(target, {"rows": samples.contiguous()}, {"generator": name})
