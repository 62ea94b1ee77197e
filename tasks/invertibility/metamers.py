"""Metamers of invertible networks: one job per network, its product a table with a row per pair of images."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge

from methods.errors import NotInvertible
from methods.evaluation.boundary import pixels
from methods.invertibility.metamers import Metameric, interpolate, pairs
from methods.progress import OnStep
from storage.files import Ref, verify_ref
from storage.metamer_rows import SCHEMA, publish_metamer_rows
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.invertibility.reference_classifier import Witness, witness_network
from tasks.robustness.models_under_test import Subject, classifier, named
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

BLOCK = 128
"""Pairs that are computed together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exhibition:
    """How many metamers there are, and what is shown of them.

    n: pairs of test images of different classes, the same for all networks. pictured: of those, as pictures; strips:
    with a way of so many `steps` from the nuisance of a to that of b.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    attack: Metameric = Metameric()
    n: Annotated[int, Ge(1)] = 500
    pictured: Annotated[int, Ge(1)] = 10
    strips: Annotated[int, Ge(0)] = 4
    steps: Annotated[int, Ge(2)] = 9


@stage
def make_metamers(
    context: RunContext, subjects: Sequence[Subject], exhibition: Exhibition, chosen: Witness, seen_by: Ref
) -> list[Ref]:
    """Tables for `read_metamer_rows`, without rows for a network whose inverse of a metamer's code is not finite.

    seen_by: the weights of the independent classifier.
    """
    items = {subject: (subject, exhibition, chosen, seen_by, context.seed) for subject in subjects}
    found = map_jobs(context, "metamers", make_some, items, product="metamers", suffix=".parquet", label=named)
    return list(found.values())


def make_some(
    worker_context: ClassifierContext,
    subject: Subject,
    exhibition: Exhibition,
    chosen: Witness,
    seen_by: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    try:
        columns = _columns(worker_context, subject, exhibition, chosen, seen_by, run_seed, on_step)
    except NotInvertible:  # said by the absence of rows
        columns = {name: [] for name in SCHEMA.names}
    publish_metamer_rows(target, columns)


def _columns(
    worker_context: ClassifierContext,
    subject: Subject,
    exhibition: Exhibition,
    chosen: Witness,
    seen_by: Ref,
    run_seed: int,
    on_step: OnStep,
) -> dict[str, Any]:
    verify_ref(seen_by)
    network, independent = classifier(worker_context, subject), witness_network(worker_context, chosen, seen_by)
    test, n = worker_context.test, exhibition.n
    first, second = pairs(test.labels, n, seed=run_seed)
    found: dict[str, list[np.ndarray]] = {}
    pictures: list[bytes | None] = []
    for start in range(0, n, BLOCK):
        a, b = (rows[start : start + BLOCK].to(worker_context.device) for rows in (first, second))
        made = exhibition.attack(
            network, independent, pixels(test.images[a]), pixels(test.images[b]), test.labels[a], test.labels[b]
        )
        columns = {"a": a, "b": b, "label_a": test.labels[a], "label_b": test.labels[b]}
        with torch.no_grad():
            columns["seen_in_b"] = independent(pixels(test.images[b])).argmax(1)
        columns |= {name: getattr(made, name) for name in SCHEMA.names if hasattr(made, name)}
        for name, values in columns.items():
            found.setdefault(name, []).append(values.cpu().numpy())
        shown = made.shown.float().cpu().numpy()
        pictures += [
            image.tobytes() if start + place < exhibition.pictured else None for place, image in enumerate(shown)
        ]
        on_step("metamers", min(start + BLOCK, n), n)
    return {
        "model": [subject.name] * n,
        "member": np.full(n, subject.member, np.int32),
        **{name: np.concatenate(parts) for name, parts in found.items()},
        "picture": pictures,
        "strip": strips(worker_context, network, exhibition, first, second),
    }


def strips(
    worker_context: ClassifierContext,
    network: torch.nn.Module,
    exhibition: Exhibition,
    first: torch.Tensor,
    second: torch.Tensor,
) -> list[bytes | None]:
    """Of the first pairs; None for all others."""
    count = min(exhibition.strips, exhibition.n)
    if not count:
        return [None] * exhibition.n
    a, b = (pixels(worker_context.test.images[rows[:count].to(worker_context.device)]) for rows in (first, second))
    ways = interpolate(network, a, b, steps=exhibition.steps).clamp(0, 1).float().cpu().numpy()
    return [*(way.tobytes() for way in ways), *[None] * (exhibition.n - count)]
