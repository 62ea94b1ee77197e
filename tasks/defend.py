"""Training defended twins of a network: one job per network, its product a safetensors file."""

import dataclasses
import json
from collections.abc import Sequence

from methods import randomness
from methods.defences.adversarial_training import AdversarialTraining
from methods.defences.distillation import Distillation
from methods.defences.supervised import Trained
from methods.defences.undefended import Undefended
from methods.progress import OnStep
from storage.datasets import Splits
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.subjects import Subject

Defence = Distillation | AdversarialTraining | Undefended
TEACHER, DISTILLED, ADVERSARIAL, PLAIN = (
    "distillation_teacher",
    "distilled",
    "adversarially_trained",
    "plainly_trained",
)
FIRST = {Distillation: TEACHER, AdversarialTraining: ADVERSARIAL, Undefended: PLAIN}
"""The network that each is known by, or begins with."""


@stage
def defend(
    pool: Pool, apparatus: Apparatus, defences: Sequence[Defence], splits: Splits, first: Subject, run: Run
) -> list[Subject]:
    """Networks of the same architecture, trained on the same images, from the seed of `first`; distilled ones last."""
    decided = (apparatus.data, splits.digest, apparatus.network, first.seed)
    openings = {
        FIRST[type(defence)]: Job(
            work=train_defended,
            arguments=(defence, first.seed),
            target=run.product("defended", ".safetensors", defence, *decided),
            label=defence.name,
        )
        for defence in defences
    }
    made = dict(zip(openings, pool.carry_out("defend", list(openings.values())), strict=True))
    for defence in defences:
        if isinstance(defence, Distillation):
            student = Job(
                work=train_student,
                arguments=(defence, first.seed, made[TEACHER]),
                target=run.product("defended", ".safetensors", "student", made[TEACHER].sha256, defence, *decided),
                label=f"student of {defence.name}",
            )
            made[DISTILLED] = pool.carry_out("distil", [student])[0]
    return [dataclasses.replace(first, name=name, base=ref) for name, ref in made.items()]


def train_defended(laboratory: Laboratory, defence: Defence, seed: int, *, target: str, on_step: OnStep) -> None:
    """A defended network; of a distillation its teacher."""
    begin = defence.teacher if isinstance(defence, Distillation) else defence
    trained = begin(
        laboratory.network,
        laboratory.train.images,
        laboratory.train.labels,
        augment=laboratory.augment,
        seed=randomness.derive(seed, "defence", defence.name),
        on_step=on_step,
    )
    _publish(target, trained)


def train_student(
    laboratory: Laboratory, defence: Distillation, seed: int, teacher: Ref, *, target: str, on_step: OnStep
) -> None:
    trained = defence.student(
        laboratory.network(seed, teacher).eval(),
        laboratory.network,
        laboratory.train.images,
        laboratory.train.labels,
        augment=laboratory.augment,
        seed=randomness.derive(seed, "defence", defence.name),
        on_step=on_step,
    )
    _publish(target, trained)


def _publish(target: str, trained: Trained) -> None:
    curves = {name: dataclasses.asdict(curve) for name, curve in trained.curves.items()}
    publish_tensors(target, trained.network.state_dict(), {"curves": json.dumps(curves)})
