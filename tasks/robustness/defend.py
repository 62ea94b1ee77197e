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
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.results.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, sorted_out
from tasks.robustness.models_under_test import Subject
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

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
def defend(context: RunContext, defences: Sequence[Defence], first: Subject) -> tuple[list[Subject], dict[str, Unfit]]:
    """Networks of the same architecture, trained on the same images, from the seed of `first`; distilled ones last.

    Second, by name, why others are unfit: a training that diverges, and the student of a teacher that is unfit.
    """
    items = {FIRST[type(defence)]: (defence, first.seed) for defence in defences}
    made, unfit = sorted_out(
        map_jobs(context, "defend", train_defended, items, product="defended", suffix=".safetensors")
    )
    distillations = [defence for defence in defences if isinstance(defence, Distillation)]
    students = {DISTILLED: (*distillations, first.seed, made[TEACHER])} if TEACHER in made else {}
    taught, failed = sorted_out(
        map_jobs(context, "distil", train_student, students, product="defended", suffix=".safetensors")
    )
    made, unfit = made | taught, unfit | failed
    if TEACHER in unfit:
        unfit[DISTILLED] = unfit[TEACHER]
    return [dataclasses.replace(first, name=name, base=ref) for name, ref in made.items()], unfit


def train_defended(
    worker_context: ClassifierContext, defence: Defence, seed: int, *, target: str, on_step: OnStep
) -> None:
    """A defended network; of a distillation its teacher."""
    begin = defence.teacher if isinstance(defence, Distillation) else defence
    try:
        trained = begin(
            worker_context.network,
            worker_context.train.images,
            worker_context.train.labels,
            augment=worker_context.augment,
            seed=randomness.derive(seed, "defence", defence.name),
            validation=(worker_context.validation.images, worker_context.validation.labels),
            on_step=on_step,
        )
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, FIRST[type(defence)], seed))
    else:
        _publish(target, trained)


def train_student(
    worker_context: ClassifierContext, defence: Distillation, seed: int, teacher: Ref, *, target: str, on_step: OnStep
) -> None:
    try:
        trained = defence.student(
            worker_context.network(seed, teacher).eval(),
            worker_context.network,
            worker_context.train.images,
            worker_context.train.labels,
            augment=worker_context.augment,
            seed=randomness.derive(seed, "defence", defence.name),
            validation=(worker_context.validation.images, worker_context.validation.labels),
            on_step=on_step,
        )
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, DISTILLED, seed))
    else:
        _publish(target, trained)


def _publish(target: str, trained: Trained) -> None:
    curves = {name: dataclasses.asdict(curve) for name, curve in trained.curves.items()}
    publish_tensors(target, trained.network.state_dict(), {"curves": json.dumps(curves)})
