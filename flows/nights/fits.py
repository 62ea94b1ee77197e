"""Fits alone: networks, snapshots and the study's generator, each network's gates, and nothing sampled or evaluated."""

from typing import Any

from flows.studies.parameter_diffusion import ParameterDiffusion
from tasks.classifiers.collect import collect
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material
from tasks.generation.fit import fit
from tasks.generation.summarise import told_by
from tasks.results.unfit import unfit_of
from tasks.runtime.context import RunContext


def fit_alone(study: ParameterDiffusion, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """`fits{SEED: {holds, gates, error}}`, and no details. A fit that fails leaves the other networks' fits alone.

    error: why a network's generator is unfit, as its product records it.
    """
    bases = train(context, study.seeds)
    snapshots, _ = collect(context, study.seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    kind = study.generator.kind
    fits = fit(context, study.generator, [kind], material, study.seeds, bases)
    found: dict[str, Any] = {}
    for seed in study.seeds:
        record = unfit_of(fits[seed, kind])
        gates = told_by(fits[seed, kind])["gates"]
        found[str(seed)] = {"holds": record is None, "gates": gates, "error": record and record.problem}
    return {"generator": kind, "fits": found, "fits_hold": all(each["holds"] for each in found.values())}, {}
