"""Diagnosing gradient masking: one job per network, its product a JSON file."""

import dataclasses
from collections.abc import Sequence

from methods.attacks.masking import diagnose as diagnose_masking
from methods.errors import BadData
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_json
from tasks.attack import batch
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.subjects import Subject, classifier


@stage
def diagnose(
    pool: Pool,
    subjects: Sequence[Subject],
    epsilon: float,
    queries: int,
    splits: Splits,
    samples: Sequence[int],
    run: Run,
) -> dict[str, Ref]:
    """By name of the network; nothing where there are no samples to spend on it. epsilon: budget in L∞."""
    if not samples:
        return {}
    jobs = [
        Job(
            work=diagnose_one,
            arguments=(subject, epsilon, queries, samples, run.seed),
            target=run.product("masking", ".json", subject.key, epsilon, queries, splits.digest, samples, run.seed),
            label=subject.name,
        )
        for subject in subjects
    ]
    refs = pool.carry_out("diagnose", jobs)
    return {subject.name: ref for subject, ref in zip(subjects, refs, strict=True)}


def diagnose_one(
    laboratory: Laboratory,
    subject: Subject,
    epsilon: float,
    queries: int,
    samples: Sequence[int],
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    x, labels, seeds = batch(laboratory, samples, run_seed)
    network = classifier(laboratory, subject)
    try:
        told = dataclasses.asdict(
            diagnose_masking(network, x, labels, seeds=seeds, epsilon=epsilon, queries=queries, on_step=on_step)
        )
    except BadData as error:  # a network that is always wrong has nothing to hide
        verdict = f"Nothing to diagnose: {error.problem}."
        told = {"zero_gradient_share": 0.0, "masked": False, "broken_by": None, "verdict": verdict}
    publish_json(target, told)
