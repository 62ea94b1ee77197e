"""What `invertibility` does, in which order: networks of both losses, their nuisance, metamers, shifts, attacks."""

import dataclasses
from typing import Any

from flows.configuration_invertibility import Invertibility
from methods.errors import BadSetting
from methods.invertibility.shifts import shifted
from storage.datasets import Splits
from tasks.adapters.libraries import LibraryAttack, imported
from tasks.attack import attack
from tasks.invertible import Loss, Training, fit_and_unfit, train_invertible
from tasks.metamers import make_metamers
from tasks.nuisance import invertible_and_not, read_nuisance
from tasks.pool import Pool
from tasks.run import Run
from tasks.shifted import measure_shifts
from tasks.summarise_invertibility import Inverted, summarise_invertibility
from tasks.witness import witness


def train_and_invert(
    study: Invertibility, pool: Pool, splits: Splits, run: Run
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    check(study, splits)
    plain, marked = trainings(study)
    made = train_invertible(pool, study.apparatus, [*plain, *marked], splits, run)
    trained, unfit = fit_and_unfit(made, [*plain, *marked])
    subjects = [subject for subject, each in trained if each.mark is None]
    seen_by = witness(pool, study.apparatus, study.witness, splits, run)
    marks = [(subject, each.mark) for subject, each in trained if each.mark]
    read = dict(zip(subjects, read_nuisance(pool, subjects, study.readout, splits, run), strict=True))
    subjects, lost = invertible_and_not(read)
    products = Inverted(
        subjects=tuple(subjects),
        read=tuple(read[subject] for subject in subjects),
        metamers=tuple(make_metamers(pool, subjects, study.metamers, study.witness, seen_by, splits, run)),
        marked=tuple(marks),
        shifts=tuple(measure_shifts(pool, marks, splits, run)),
        attacked=tuple(
            attack(
                pool,
                [(subject, attempt) for subject in subjects for attempt in study.attacks],
                splits,
                study.images,
                study.block,
                run,
            )
        ),
        unfit=(*unfit, *lost),
    )
    return summarise_invertibility(products, study.budgets, splits, run.seed)


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
