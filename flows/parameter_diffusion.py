"""The study `parameter_diffusion`: collect parameters, learn to generate them, compare with originals and baselines."""

from typing import Any

from prefect import flow

from flows.configuration import ParameterDiffusion
from flows.running import Order, Workplace, study_run
from flows.studies import resolve
from tasks.collect import collect
from tasks.evaluate import evaluate
from tasks.fit import fit
from tasks.sample import sample
from tasks.summarise import Products, summarise
from tasks.train import train


@flow(name="parameter_diffusion")
def parameter_diffusion(study: ParameterDiffusion | str = "digits", order: Order = Order()) -> str:
    """Generates parameters by latent diffusion; returns the run's folder.

    study: a configuration, or the name of a preset.
    """
    if isinstance(study, str):
        study = resolve("parameter_diffusion", study)
    with study_run(study, order) as workplace:
        summary, details = generate_and_compare(study, workplace)
        return workplace.publish(summary, details)


def generate_and_compare(study: ParameterDiffusion, workplace: Workplace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study itself. Every stage finds what is committed already, and hands on references."""
    run, pool, splits, seeds = workplace.run, workplace.pool, workplace.splits, study.seeds
    bases = train(pool, study.apparatus, splits, seeds, run)
    snapshots, records = collect(pool, study.apparatus, splits, seeds, bases, run)
    fits = fit(pool, study.generator, snapshots, seeds, bases, run)
    generated = sample(pool, study.generator, fits, study.samples, run)
    scores = evaluate(pool, snapshots, generated, seeds, bases, run)
    products = Products(
        seeds=seeds,
        bases=tuple(bases),
        snapshots=snapshots,
        records=tuple(records),
        fits=fits,
        generated=generated,
        scores=tuple(scores),
    )
    return summarise(products, splits, study.generator.kind, study.seed)
