"""Generation for networks never seen, in order: networks, rows, one fit, rows for the others, and their accuracies."""

from typing import Any

from flows.configuration import ParameterDiffusion
from methods.generation.units import Units
from models import permutation_groups
from storage.datasets import Splits
from tasks.align import Alignment, Weights, align
from tasks.collect import collect
from tasks.evaluate import evaluate
from tasks.fit_across import fit_across
from tasks.held_out import HeldOut
from tasks.held_out_rows import rows_for
from tasks.laboratory import Laboratory
from tasks.pool import Pool
from tasks.run import Run
from tasks.summarise import data_facts
from tasks.summarise_held_out import summarise_held_out
from tasks.train import train
from tasks.unfit import sorted_out


def check_unseen(base: ParameterDiffusion, splits: Splits) -> None:
    """Raises `BadSetting` for kept layers that cannot be generated unit by unit."""
    layout = Laboratory.layout_for(base.apparatus, splits)
    Units.of(layout, permutation_groups(base.network, shape=splits.shape))


def generate_for_unseen(
    held_out: HeldOut, base: ParameterDiffusion, alignment: Alignment, pool: Pool, splits: Splits, run: Run
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary's `held_out` and `held_out_facts`, with the records of what is unfit under `unfit`."""
    apparatus, layout = base.apparatus, Laboratory.layout_for(base.apparatus, splits)
    seeds = [*held_out.training_seeds, *held_out.held_out_seeds]
    bases = train(pool, apparatus, splits, seeds, run)
    networks = [Weights(seed=seed, base=ref) for seed, ref in zip(seeds, bases, strict=True)]
    donors, recipients = networks[: len(held_out.training_seeds)], networks[len(held_out.training_seeds) :]
    # two sets, so that other networks to test on leave the first, and the fit, as they are
    snapshots, own = (
        collect(pool, apparatus, splits, [each.seed for each in some], [each.base for each in some], run)[0]
        for some in (donors, recipients)
    )
    fitted = fit_across(pool, held_out, donors, snapshots, splits, run)
    pairs = [(donor, recipient) for recipient in recipients for donor in donors]
    matchings = align(pool, pairs, layout, alignment, splits, run)
    rows, missing = sorted_out(rows_for(pool, held_out, fitted, donors, snapshots, recipients, matchings, run))
    scores = evaluate(pool, own, rows, held_out.held_out_seeds, [each.base for each in recipients], run)
    facts = data_facts(splits)
    return summarise_held_out(held_out, rows, scores, own, list(matchings.values()), run.seed, missing, facts)
