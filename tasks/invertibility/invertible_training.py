"""Training invertible networks: one job per loss, seed and mark, its product a safetensors file."""

import dataclasses
import json
from collections.abc import Sequence

from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.shifts import Binary, Textured, carried
from methods.progress import OnStep
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.results.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, unfit_of
from tasks.robustness.models_under_test import Subject
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

Loss = CrossEntropy | IndependenceCrossEntropy
Mark = Binary | Textured
CE, ICE, CONTROL = "ce", "ice", "ce_likelihood"
"""What networks are called, by their loss."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """name: of the loss. member: the how many-th of the study's seeds. mark: of the class, in all training images, or
    None, for images as they are."""

    name: str
    loss: Loss
    seed: int
    member: int
    mark: Mark | None = None

    @property
    def part(self) -> str:
        return self.name + (f" {self.mark.kind}" if self.mark else "")

    @property
    def label(self) -> str:
        return f"{self.name} seed {self.seed}" + (f" {self.mark.kind}" if self.mark else "")


@stage
def train_invertible(context: RunContext, trainings: Sequence[Training]) -> list[Subject]:
    """In that order, for `unfit_of` to say which are unfit. Networks of one seed begin alike: same initial values, same
    images that ActNorms are fitted to.
    """
    # the run's seed only decides how images are marked
    items = {each: (each, context.seed if each.mark else None) for each in trainings}
    found = map_jobs(
        context,
        "train",
        train_one_invertible,
        items,
        product="invertible",
        suffix=".safetensors",
        label=lambda each: each.label,
    )
    return [Subject(name=each.name, member=each.member, seed=each.seed, base=found[each]) for each in trainings]


def fit_and_unfit(
    subjects: Sequence[Subject], trainings: Sequence[Training]
) -> tuple[list[tuple[Subject, Training]], list[Unfit]]:
    """The networks that can be used, each with its training, and the records of the others."""
    fit, unfit = [], []
    for subject, training in zip(subjects, trainings, strict=True):
        assert subject.base is not None
        record = unfit_of(subject.base)
        if record is None:
            fit.append((subject, training))
        else:
            unfit.append(record)
    return fit, unfit


def train_one_invertible(
    worker_context: ClassifierContext, training: Training, run_seed: int | None, *, target: str, on_step: OnStep
) -> None:
    loss, seed, mark = training.loss, training.seed, training.mark
    images, labels = worker_context.train.images, worker_context.train.labels
    if mark is not None:
        assert run_seed is not None
        images = carried(mark, images, labels, classes=len(worker_context.splits.classes), seed=run_seed)
    try:
        trained = loss(
            worker_context.network, images, labels, augment=worker_context.augment, seed=seed, on_step=on_step
        )
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, training.part, seed))
        return
    curves = {name: dataclasses.asdict(curve) for name, curve in trained.curves.items()}
    publish_tensors(target, trained.network.state_dict(), {"curves": json.dumps(curves)})
