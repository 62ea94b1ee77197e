"""Generation for networks never seen, in order: networks, rows, one fit, rows for the others, and their accuracies."""

from typing import Any

from flows.studies.parameter_diffusion import ParameterDiffusion
from methods.generation.units import Units
from models import permutation_groups
from storage.datasets import Splits
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.collect import collect
from tasks.classifiers.evaluate import evaluate
from tasks.classifiers.train import train
from tasks.generation.summarise import data_facts
from tasks.results.unfit import sorted_out
from tasks.runtime.context import RunContext
from tasks.transplant.align import Alignment, Weights, align
from tasks.unseen.fit_across import fit_across
from tasks.unseen.held_out import HeldOut
from tasks.unseen.held_out_rows import rows_for
from tasks.unseen.summarise_held_out import summarise_held_out


def check_unseen(base: ParameterDiffusion, splits: Splits) -> None:
    """Raises `BadSetting` for kept layers that cannot be generated unit by unit."""
    layout = ClassifierContext.layout_for(base.context_config, splits)
    Units.of(layout, permutation_groups(base.network, shape=splits.shape))


def generate_for_unseen(
    held_out: HeldOut, alignment: Alignment, context: RunContext
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary's `held_out` and `held_out_facts`, with the records of what is unfit under `unfit`."""
    seeds = [*held_out.training_seeds, *held_out.held_out_seeds]
    bases = train(context, seeds)
    networks = [Weights(seed=seed, base=ref) for seed, ref in zip(seeds, bases, strict=True)]
    donors, recipients = networks[: len(held_out.training_seeds)], networks[len(held_out.training_seeds) :]
    # two sets, so that other networks to test on leave the first, and the fit, as they are
    snapshots, own = (
        collect(context, [each.seed for each in some], [each.base for each in some])[0] for some in (donors, recipients)
    )
    fitted = fit_across(context, held_out, donors, snapshots)
    pairs = [(donor, recipient) for recipient in recipients for donor in donors]
    matchings = align(context, pairs, context.layout, alignment)
    rows, missing = sorted_out(rows_for(context, held_out, fitted, donors, snapshots, recipients, matchings))
    scores = evaluate(context, own, rows, held_out.held_out_seeds, [each.base for each in recipients])
    facts = data_facts(context.splits)
    return summarise_held_out(held_out, rows, scores, own, list(matchings.values()), context.seed, missing, facts)
