"""Attacking networks: one job per (model, attack, block of samples), its product a table with a row per sample."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from methods import randomness
from methods.attacks import draws
from methods.attacks.goals import Goal, Targeted, Untargeted, random_targets
from methods.attacks.measuring import Measured, measure
from methods.evaluation.boundary import pixels
from methods.progress import OnStep
from storage.attack_rows import publish_attack_rows
from storage.files import Ref
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.robustness.adapters.libraries import version_of
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.models_under_test import SIBLINGS, Subject, classifier
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.run import digest
from tasks.runtime.stage import stage

PICTURED = 3
"""Samples whose adversarial images are kept for the galleries."""

Plan = Sequence[tuple[Subject, Attempt]]


@stage
def attack(context: RunContext, plan: Plan, images: int, block: int) -> list[Ref]:
    """Tables of attacked samples: the same `images` test images for everyone, in blocks of at most `block`."""
    samples = chosen_samples(len(context.splits.test), images)
    items: dict[str, tuple[Any, ...]] = {}
    for subject, attempt in plan:
        for start in range(0, len(samples), block):
            part, shown = samples[start : start + block], pictured(subject, start)
            member = f" {subject.member}" if subject.member else ""
            label = f"{subject.name}{member} {attempt.name} from {start}"
            items[label] = (subject, attempt, version_of(attempt.attack), part, shown, context.seed)
    return list(map_jobs(context, "attack", attack_block, items, product="attacks", suffix=".parquet").values())


def pictured(subject: Subject, start: int) -> int:
    """How many of a block that begins at `start` are kept as pictures: siblings are in no gallery."""
    return 0 if subject.name in SIBLINGS else max(0, PICTURED - start)


def chosen_samples(available: int, count: int) -> list[int]:
    """Indices of test images, evenly spread; all of them where there are fewer."""
    return np.linspace(0, available - 1, min(count, available)).round().astype(int).tolist()


def attack_block(
    worker_context: ClassifierContext,
    subject: Subject,
    attempt: Attempt,
    _version: str | None,
    samples: list[int],
    pictures: int,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    x, labels, seeds = batch(worker_context, samples, run_seed)
    goal = goal_of(attempt, labels, len(worker_context.splits.classes), seeds)
    measured = measure(
        attempt.attack,
        classifier(worker_context, subject),
        x,
        goal,
        seeds=seeds,
        on_step=lambda _, done, total: on_step(attempt.name, done, total),
    )
    publish_attack_rows(target, columns(subject, attempt, samples, x, goal, measured, pictures))


def batch(
    worker_context: ClassifierContext, samples: Sequence[int], run_seed: int
) -> tuple[Tensor, Tensor, Int[Tensor, " n"]]:
    """Images in [0, 1], labels, and a seed for each sample that depends on its index alone."""
    index = torch.tensor(samples, device=worker_context.device)
    x = pixels(worker_context.test.images[index])
    return x, worker_context.test.labels[index], index + randomness.derive(run_seed, "attack")


def goal_of(attempt: Attempt, labels: Int[Tensor, " n"], classes: int, seeds: Int[Tensor, " n"]) -> Goal:
    if not attempt.targeted:
        return Untargeted(labels)
    # seeds of their own: from the attack's, the first of its draws would be the target's again
    chosen = draws.uniform(seeds + randomness.derive(0, "targets"), shape=())
    return Targeted(labels, random_targets(labels, classes, chosen))


def columns(
    subject: Subject,
    attempt: Attempt,
    samples: Sequence[int],
    x: Tensor,
    goal: Goal,
    measured: Measured,
    pictures: int,
) -> dict[str, Any]:
    n, images = len(samples), measured.images.float().cpu().numpy()
    target = goal.classes.cpu().numpy() if isinstance(goal, Targeted) else np.full(n, -1)
    return {
        "model": [subject.name] * n,
        "member": np.full(n, subject.member, np.int32),
        "attack": [attempt.name] * n,
        "parameters": [digest(attempt)[:16]] * n,
        "sample": np.array(samples, np.int64),
        "image_sha256": [hashlib.sha256(image.tobytes()).hexdigest() for image in x.float().cpu().numpy()],
        "label": goal.labels.cpu().numpy().astype(np.int32),
        "target": target.astype(np.int32),
        "picture": [image.tobytes() if place < pictures else None for place, image in enumerate(images)],
        "seconds": np.full(n, measured.seconds / max(n, 1)),
        "clean_prediction": measured.clean_prediction.cpu().numpy().astype(np.int32),
        "prediction": measured.prediction.cpu().numpy().astype(np.int32),
        **{
            name: getattr(measured, name).cpu().numpy()
            for name in ("success", "l0", "l1", "l2", "linf", "forwards", "backwards")
        },
    }
