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
    def label(self) -> str:
        return f"{self.name} seed {self.seed}" + (f" {self.mark.kind}" if self.mark else "")


@stage
def train_invertible(
    pool: Pool, apparatus: Apparatus, trainings: Sequence[Training], splits: Splits, run: Run
) -> list[Subject]:
    """In that order. Networks of one seed begin alike: same initial values, same images that ActNorms are fitted to."""
    jobs = [
        Job(
            work=train_one_invertible,
            arguments=(each.loss, each.seed, each.mark, run.seed),
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


def decided(each: Training, apparatus: Apparatus, splits: Splits, run: Run) -> tuple[object, ...]:
    """What decides a network; the run's seed only decides how images are marked."""
    common = (each.loss, each.seed, apparatus.data, splits.digest, apparatus.network)
    return (*common, each.mark, run.seed) if each.mark else common


def train_one_invertible(
    laboratory: Laboratory, loss: Loss, seed: int, mark: Mark | None, run_seed: int, *, target: str, on_step: OnStep
) -> None:
    images, labels = laboratory.train.images, laboratory.train.labels
    if mark is not None:
        images = carried(mark, images, labels, classes=len(laboratory.splits.classes), seed=run_seed)
    trained = loss(laboratory.network, images, labels, augment=laboratory.augment, seed=seed, on_step=on_step)
    curves = {name: dataclasses.asdict(curve) for name, curve in trained.curves.items()}
    publish_tensors(target, trained.network.state_dict(), {"curves": json.dumps(curves)})
