"""Diagnosing gradient masking: one job per network, its product a JSON file."""

import dataclasses
from collections.abc import Sequence

from methods.attacks.masking import diagnose as diagnose_masking
from methods.errors import BadData
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.robustness.attack import batch
from tasks.robustness.models_under_test import Subject, classifier
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage


@stage
def diagnose(
    context: RunContext, subjects: Sequence[Subject], epsilon: float, queries: int, samples: Sequence[int]
) -> dict[str, Ref]:
    """By name of the network; nothing where there are no samples to spend on it. epsilon: budget in L∞."""
    if not samples:
        return {}
    items = {subject.name: (subject, epsilon, queries, samples, context.seed) for subject in subjects}
    return map_jobs(context, "diagnose", diagnose_one, items, product="masking", suffix=".json")


def diagnose_one(
    worker_context: ClassifierContext,
    subject: Subject,
    epsilon: float,
    queries: int,
    samples: Sequence[int],
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    x, labels, seeds = batch(worker_context, samples, run_seed)
    network = classifier(worker_context, subject)
    try:
        told = dataclasses.asdict(
            diagnose_masking(network, x, labels, seeds=seeds, epsilon=epsilon, queries=queries, on_step=on_step)
        )
    except BadData as error:  # a network that is always wrong has nothing to hide
        verdict = f"Nothing to diagnose: {error.problem}."
        told = {"zero_gradient_share": 0.0, "masked": False, "broken_by": None, "verdict": verdict}
    publish_json(target, told)
