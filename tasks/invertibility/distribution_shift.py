"""Networks that learned marked images, on marks that tell the class and on marks that lie: one job per network."""

from collections.abc import Sequence

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from methods.evaluation.boundary import pixels
from methods.invertibility.shifts import carried, shifted
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.invertibility.invertible_training import Mark
from tasks.robustness.models_under_test import Subject, classifier, named
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

BLOCK = 256


@stage
def measure_shifts(context: RunContext, marked: Sequence[tuple[Subject, Mark]]) -> list[Ref]:
    """In that order, JSON files with `test_error` and `shifted_error`."""
    items = {(subject, mark): (subject, mark, context.seed) for subject, mark in marked}

    def label(item: tuple[Subject, Mark]) -> str:
        return f"{named(item[0])} {item[1].kind}"

    found = map_jobs(context, "shift", measure_shift, items, product="shifts", suffix=".json", label=label)
    return [found[item] for item in marked]


def measure_shift(
    worker_context: ClassifierContext, subject: Subject, mark: Mark, run_seed: int, *, target: str, on_step: OnStep
) -> None:
    network, test, classes = (
        classifier(worker_context, subject),
        worker_context.test,
        len(worker_context.splits.classes),
    )
    marked = {
        "test_error": carried(mark, test.images, test.labels, classes=classes, seed=run_seed),
        "shifted_error": shifted(mark, test.images, classes=classes, seed=run_seed),
    }
    publish_json(target, {name: _error(network, images, test.labels) for name, images in marked.items()})
    on_step("shifted images", 1, 1)


@torch.no_grad()
def _error(network: nn.Module, images: UInt8[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> float:
    predicted = torch.cat([network(pixels(part)).argmax(1) for part in images.split(BLOCK)])
    return (predicted != labels).double().mean().item()
