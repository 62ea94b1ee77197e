"""Training invertible networks: one job per loss, seed and mark, its product a safetensors file."""

import dataclasses
import json
from collections.abc import Sequence

from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.shifts import Binary, Textured, carried
from methods.progress import OnStep
from storage.datasets import Splits
from storage.formats import publish_tensors
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.subjects import Subject
from tasks.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, unfit_of

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
def train_invertible(
    pool: Pool, apparatus: Apparatus, trainings: Sequence[Training], splits: Splits, run: Run
) -> list[Subject]:
    """In that order, for `unfit_of` to say which are unfit. Networks of one seed begin alike: same initial values, same
    images that ActNorms are fitted to.
    """
    jobs = [
        Job(
            work=train_one_invertible,
            arguments=(each, run.seed),
            target=run.product("invertible", ".safetensors", *decided(each, apparatus, splits, run)),
            label=each.label,
        )
        for each in trainings
    ]
    refs = pool.carry_out("train", jobs)
    return [
        Subject(name=each.name, member=each.member, seed=each.seed, base=ref)
        for each, ref in zip(trainings, refs, strict=True)
    ]


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


def decided(each: Training, apparatus: Apparatus, splits: Splits, run: Run) -> tuple[object, ...]:
    """What decides a network; the run's seed only decides how images are marked."""
    common = (each.loss, each.seed, apparatus.data, splits.digest, apparatus.network)
    return (*common, each.mark, run.seed) if each.mark else common


def train_one_invertible(
    laboratory: Laboratory, training: Training, run_seed: int, *, target: str, on_step: OnStep
) -> None:
    loss, seed, mark = training.loss, training.seed, training.mark
    images, labels = laboratory.train.images, laboratory.train.labels
    if mark is not None:
        images = carried(mark, images, labels, classes=len(laboratory.splits.classes), seed=run_seed)
    try:
        trained = loss(laboratory.network, images, labels, augment=laboratory.augment, seed=seed, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, training.part, seed))
        return
    curves = {name: dataclasses.asdict(curve) for name, curve in trained.curves.items()}
    publish_tensors(target, trained.network.state_dict(), {"curves": json.dumps(curves)})
