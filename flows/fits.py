"""Fits alone: networks, snapshots and the study's generator, each network's gates, and nothing sampled or evaluated."""

from typing import Any

from flows.configuration import ParameterDiffusion
from methods.errors import Diverged, GateFailed
from storage.datasets import Splits
from tasks.collect import collect
from tasks.fit import fit
from tasks.pool import Pool
from tasks.rows import Material
from tasks.run import Run
from tasks.summarise import told_by
from tasks.train import train


def fit_alone(study: ParameterDiffusion, pool: Pool, splits: Splits, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """`fits{SEED: {holds, gates, error}}`, and no details. A fit that fails leaves the other networks' fits alone.

    error: why a network's generator is unfit, as its product records it.
    """
    bases = train(pool, study.apparatus, splits, study.seeds, run)
    snapshots, _ = collect(pool, study.apparatus, splits, study.seeds, bases, run)
    material = Material(snapshots=snapshots, fit_rows=study.fit_rows)
    kind = study.generator.kind
    found: dict[str, Any] = {}
    for seed, base in zip(study.seeds, bases, strict=True):
        try:
            fits = fit(pool, study.generator, [kind], material, [seed], [base], run)
        except GateFailed as error:
            gate = {"value": error.value, "limit": error.limit, "passed": False, "meaning": error.problem}
            found[str(seed)] = {"holds": False, "gates": {error.gate: gate}, "error": error.problem}
        except Diverged as error:
            found[str(seed)] = {"holds": False, "gates": {}, "error": error.problem}
        else:
            told = told_by(fits[seed, kind])
            unfit, gates = told.get("unfit"), told["gates"]
            holds = not unfit and all(gate["passed"] for gate in gates.values())
            found[str(seed)] = {"holds": holds, "gates": gates, "error": unfit["problem"] if unfit else None}
    return {"generator": kind, "fits": found, "fits_hold": all(each["holds"] for each in found.values())}, {}
