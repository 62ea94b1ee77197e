"""Networks that learned marked images, on marks that tell the class and on marks that lie: one job per network."""

from collections.abc import Sequence

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from methods.evaluation.boundary import pixels
from methods.invertibility.shifts import carried, shifted
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_json
from tasks.invertible import Mark
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.subjects import Subject, classifier

BLOCK = 256


@stage
def measure_shifts(pool: Pool, marked: Sequence[tuple[Subject, Mark]], splits: Splits, run: Run) -> list[Ref]:
    """In that order, JSON files with `test_error` and `shifted_error`."""
    jobs = [
        Job(
            work=measure_shift,
            arguments=(subject, mark, run.seed),
            target=run.product("shifts", ".json", subject.key, mark, splits.digest, run.seed),
            label=f"{subject.name} seed {subject.seed} {mark.kind}",
        )
        for subject, mark in marked
    ]
    return pool.carry_out("shift", jobs)


def measure_shift(
    laboratory: Laboratory, subject: Subject, mark: Mark, run_seed: int, *, target: str, on_step: OnStep
) -> None:
    network, test, classes = classifier(laboratory, subject), laboratory.test, len(laboratory.splits.classes)
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
