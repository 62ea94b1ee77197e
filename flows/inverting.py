"""What `invertibility` does, in which order: networks of both losses, their nuisance, metamers, shifts, attacks."""

import dataclasses
from typing import Any

from flows.configuration_invertibility import Invertibility
from methods.errors import BadSetting
from methods.invertibility.shifts import shifted
from storage.datasets import Splits
from tasks.invertibility.distribution_shift import measure_shifts
from tasks.invertibility.invertible_training import Loss, Training, fit_and_unfit, train_invertible
from tasks.invertibility.metamers import make_metamers
from tasks.invertibility.nuisance import invertible_and_not, read_nuisance
from tasks.invertibility.reference_classifier import witness
from tasks.invertibility.summarise_invertibility import Inverted, summarise_invertibility
from tasks.robustness.adapters.libraries import LibraryAttack, imported
from tasks.robustness.attack import attack
from tasks.runtime.context import RunContext


def train_and_invert(study: Invertibility, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    check(study, context.splits)
    plain, marked = trainings(study)
    made = train_invertible(context, [*plain, *marked])
    trained, unfit = fit_and_unfit(made, [*plain, *marked])
    subjects = [subject for subject, each in trained if each.mark is None]
    seen_by = witness(context, study.witness)
    marks = [(subject, each.mark) for subject, each in trained if each.mark]
    read = read_nuisance(context, subjects, study.readout)
    subjects, lost = invertible_and_not(read)
    products = Inverted(
        subjects=tuple(subjects),
        read=tuple(read[subject] for subject in subjects),
        metamers=tuple(make_metamers(context, subjects, study.metamers, study.witness, seen_by)),
        marked=tuple(marks),
        shifts=tuple(measure_shifts(context, marks)),
        attacked=tuple(
            attack(
                context,
                [(subject, attempt) for subject in subjects for attempt in study.attacks],
                study.images,
                study.block,
            )
        ),
        unfit=(*unfit, *lost),
    )
    return summarise_invertibility(products, study.budgets, context.splits, context.seed)


def trainings(study: Invertibility) -> tuple[list[Training], list[Training]]:
    """On the images as they are, and on marked ones; the slower loss first, so that no worker ends with it alone."""
    seeds = list(enumerate(study.seeds))
    plain = [
        Training(name=name, loss=loss, seed=seed, member=member)
        for name, loss in study.losses.items()
        for member, seed in seeds
    ]
    marked = [
        Training(name=name, loss=shortened(loss, study.shift_epochs), seed=seed, member=member, mark=mark)
        for name, loss in study.losses.items()
        for mark in study.shifts
        for member, seed in seeds
    ]
    return plain, marked


def shortened(loss: Loss, epochs: int | None) -> Loss:
    if epochs is None:
        return loss
    return dataclasses.replace(loss, schedule=dataclasses.replace(loss.schedule, epochs=epochs))


def check(study: Invertibility, splits: Splits) -> None:
    """Raises `BadSetting` or `BadData` for what would be found missing only after training."""
    for attempt in study.attacks:
        if isinstance(attempt.attack, LibraryAttack):
            imported(attempt.attack.package)
    if len(splits.test.labels.unique()) < 2:
        raise BadSetting(problem=f"the test images of {splits.name} have one class", remedy="metamers need two classes")
    for mark in study.shifts:
        shifted(mark, splits.test.images[:1], classes=len(splits.classes), seed=0)  # says so where it does not fit
