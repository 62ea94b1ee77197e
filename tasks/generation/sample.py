"""Sampling generated parameters: one job per (seed, generator), all its models in one batch."""

from collections.abc import Collection

import torch

from methods import randomness
from methods.errors import Diverged
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import Material, rows_of
from tasks.generation.fit import Fits, of_seed
from tasks.generation.generators import GeneratorConfig, chosen, fitted_by, sampler
from tasks.results.unfit import publish_unfit, shortfall, sorted_out
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

Samples = dict[tuple[int, str], Ref]
"""By seed and generator: rows, or the record of why there are none."""


@stage
def sample(
    context: RunContext,
    config: GeneratorConfig,
    names: Collection[str],
    material: Material,
    fits: Fits,
    count: int,
) -> Samples:
    """Per seed and name, `count` rows (one row where the generator has only one model to give).

    Of a generator that is unfit nothing is sampled: its fit stands in place of the rows, for `sorted_out`.
    """
    usable, _ = sorted_out(fits)
    seeds = dict.fromkeys(seed for seed, _ in fits)
    sources = {(seed, name): (seed, fitted_by(config, name)) for seed in seeds for name in names}
    items = {
        (seed, name): (
            *(chosen(config, source[1]), name, material, seed),
            *(fits[source], count, context.seed),
        )
        for (seed, name), source in sources.items()
        if source in usable
    }
    made = map_jobs(context, "sample", sample_one, items, product="generated", suffix=".safetensors", label=of_seed)
    return {item: made.get(item) or fits[source] for item, source in sources.items()}


def sample_one(
    worker_context: ClassifierContext,
    generator: GeneratorConfig | str,
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
    """generator: the one that is fitted, or the name of a baseline; `name` samples it, or from its codes."""
    state, _ = read_tensors(fitted.path)
    rows, _ = rows_of(material, seed)
    restored = sampler(generator, name, state, rows, device=worker_context.device)
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
        if isinstance(generator, str):
            raise error
        publish_unfit(target, shortfall(error, generator.kind, seed))
        return
    publish_tensors(target, {"rows": samples.contiguous()}, {"generator": name})
