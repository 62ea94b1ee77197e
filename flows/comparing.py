"""What `parameter_diffusion` does, in which order: collect parameters, learn to generate them, compare, audit."""

from typing import Any

from flows.configuration import ParameterDiffusion
from tasks.classifiers.collect import collect
from tasks.classifiers.evaluate import evaluate
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material
from tasks.generation.audit import audit
from tasks.generation.fit import fit
from tasks.generation.generators import NOISE_MATCHED, sampled_names
from tasks.generation.match_noise import match
from tasks.generation.sample import sample
from tasks.generation.summarise import Products, summarise
from tasks.results.unfit import sorted_out
from tasks.runtime.context import RunContext


def generate_and_compare(study: ParameterDiffusion, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`.

    Every stage finds what is committed already, and hands on references.
    """
    seeds, config, subject = study.seeds, study.generator, study.generator.kind
    bases = train(context, seeds)
    snapshots, records = collect(context, seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    names = sampled_names(config, study.strategy.runs)
    fits = fit(context, config, names, material, seeds, bases)
    generated, missing = sorted_out(sample(context, config, names, material, fits, study.samples))
    missing |= {(seed, NOISE_MATCHED): each for (seed, name), each in missing.items() if name == subject}
    matched = match(context, subject, material, generated, seeds, bases)
    generated |= sample(context, config, [NOISE_MATCHED], material, matched, study.samples)
    scores = evaluate(context, snapshots, generated, seeds, bases)
    audits = audit(context, subject, material, generated, scores, seeds, bases)
    products = Products(
        seeds=seeds,
        bases=tuple(bases),
        snapshots=snapshots,
        records=tuple(records),
        fits=fits | matched,
        generated=generated,
        scores=tuple(scores),
        audits=tuple(audits),
        missing=missing,
    )
    return summarise(products, context.splits, subject, study.seed)
