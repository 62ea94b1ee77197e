"""Fits alone: networks, snapshots and the study's generator, each network's gates, and nothing sampled or evaluated."""

from typing import Any

from flows.configuration import ParameterDiffusion
from storage.datasets import Splits
from tasks.collect import collect
from tasks.fit import fit
from tasks.pool import Pool
from tasks.rows import Material
from tasks.run import Run
from tasks.summarise import told_by
from tasks.train import train
from tasks.unfit import unfit_of


def fit_alone(study: ParameterDiffusion, pool: Pool, splits: Splits, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """`fits{SEED: {holds, gates, error}}`, and no details. A fit that fails leaves the other networks' fits alone.

    error: why a network's generator is unfit, as its product records it.
    """
    bases = train(pool, study.apparatus, splits, study.seeds, run)
    snapshots, _ = collect(pool, study.apparatus, splits, study.seeds, bases, run)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    kind = study.generator.kind
    fits = fit(pool, study.generator, [kind], material, study.seeds, bases, run)
    found: dict[str, Any] = {}
    for seed in study.seeds:
        record = unfit_of(fits[seed, kind])
        gates = told_by(fits[seed, kind])["gates"]
        found[str(seed)] = {"holds": record is None, "gates": gates, "error": record and record.problem}
    return {"generator": kind, "fits": found, "fits_hold": all(each["holds"] for each in found.values())}, {}
