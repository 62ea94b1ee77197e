"""What `parameter_diffusion` does, in which order: collect parameters, learn to generate them, compare, audit."""

from typing import Any

from flows.configuration import ParameterDiffusion
from storage.datasets import Splits
from tasks.audit import audit
from tasks.collect import collect
from tasks.evaluate import evaluate
from tasks.fit import fit
from tasks.generators import NOISE_MATCHED, sampled_names
from tasks.match import match
from tasks.pool import Pool
from tasks.rows import Material
from tasks.run import Run
from tasks.sample import sample
from tasks.summarise import Products, summarise
from tasks.train import train
from tasks.unfit import sorted_out


def generate_and_compare(
    study: ParameterDiffusion, pool: Pool, splits: Splits, run: Run
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`.

    Every stage finds what is committed already, and hands on references.
    """
    seeds, config, subject = study.seeds, study.generator, study.generator.kind
    bases = train(pool, study.apparatus, splits, seeds, run)
    snapshots, records = collect(pool, study.apparatus, splits, seeds, bases, run)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    names = sampled_names(config, study.strategy.runs)
    fits = fit(pool, config, names, material, seeds, bases, run)
    generated, missing = sorted_out(sample(pool, config, names, material, fits, study.samples, run))
    missing |= {(seed, NOISE_MATCHED): each for (seed, name), each in missing.items() if name == subject}
    matched = match(pool, subject, material, generated, seeds, bases, run)
    generated |= sample(pool, config, [NOISE_MATCHED], material, matched, study.samples, run)
    scores = evaluate(pool, snapshots, generated, seeds, bases, run)
    audits = audit(pool, subject, material, generated, scores, seeds, bases, run)
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
    return summarise(products, splits, subject, study.seed)
