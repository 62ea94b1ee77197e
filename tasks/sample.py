"""Sampling generated parameters: one job per (seed, generator), all its models in one batch."""

import torch

from methods import randomness
from methods.errors import Diverged
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors, read_tensors
from tasks.fit import Fits
from tasks.generators import GeneratorConfig, all_generators
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage


@stage
def sample(pool: Pool, config: GeneratorConfig, fits: Fits, count: int, run: Run) -> Fits:
    """Per seed and generator, `count` rows (one row where the generator has only one model to give)."""
    jobs = {
        (seed, name): Job(
            work=sample_one,
            arguments=(config, name, fitted, count, randomness.derive(run.seed, "sample", name, seed)),
            target=run.product("generated", ".safetensors", fitted.sha256, count, run.seed),
            label=f"seed {seed} {name}",
        )
        for (seed, name), fitted in fits.items()
    }
    return dict(zip(jobs, pool.carry_out("sample", list(jobs.values())), strict=True))


def sample_one(
    laboratory: Laboratory,
    config: GeneratorConfig,
    name: str,
    fitted: Ref,
    count: int,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    state, _ = read_tensors(fitted.path)
    sampler = all_generators(config)[name].restore(state, device=laboratory.device)
    rows = sampler.sample(1 if sampler.single else count, seed=seed, on_step=on_step)
    if not torch.isfinite(rows).all():
        share = (~torch.isfinite(rows)).float().mean().item()
        raise Diverged(
            problem=f"{share:.1%} of the numbers that {name} generated are not finite",
            remedy="look at the denoiser's loss; more sampling steps or the sampler 'ddpm' may help",
            step=0,
        )
    publish_tensors(target, {"rows": rows.contiguous()}, {"generator": name})
