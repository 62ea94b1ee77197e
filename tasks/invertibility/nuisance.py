"""What an invertible network knows and what it hides: one job per network, its product a JSON file."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from methods import randomness
from methods.errors import NotInvertible
from methods.evaluation.boundary import pixels
from methods.invertibility.inverting import decode, encode, in_double, inverse_errors
from methods.invertibility.readout import Readout
from methods.progress import OnStep
from storage.datasets import Split
from storage.files import Ref
from storage.formats import publish_json, read_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.results.unfit import UNFIT, Unfit, record_of, shortfall
from tasks.robustness.models_under_test import Subject, classifier, named
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

INVERTED = 256
"""Test images, the first of them, that inverse errors are the largest over."""
TIMED, REPEATS = 32, 5
"""Images of one timing, and timings that the median is taken of."""


@stage
def read_nuisance(context: RunContext, subjects: Sequence[Subject], readout: Readout) -> dict[Subject, Ref]:
    items = {subject: (subject, readout, context.seed) for subject in subjects}
    return map_jobs(context, "read", read_one, items, product="nuisance", suffix=".json", label=named)


def read_one(
    worker_context: ClassifierContext,
    subject: Subject,
    readout: Readout,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """Errors of the logits and of the readers on all splits, inverse errors, and seconds of both directions; or the
    record of why the network is unfit.
    """
    try:
        told = _read(worker_context, subject, readout, run_seed, on_step)
    except NotInvertible as error:
        told = {UNFIT: dataclasses.asdict(shortfall(error, subject.name, subject.seed))}
    publish_json(target, told)


def _read(
    worker_context: ClassifierContext, subject: Subject, readout: Readout, run_seed: int, on_step: OnStep
) -> dict[str, Any]:
    network = classifier(worker_context, subject)
    splits = {"train": worker_context.train, "validation": worker_context.validation, "test": worker_context.test}
    codes = {name: _codes(network, split) for name, split in splits.items()}
    classes = len(worker_context.splits.classes)
    parts = {name: (z[:, classes:], splits[name].labels) for name, z in codes.items()}
    seed = randomness.derive(run_seed, "readout", subject.member)
    found = readout(parts["train"], parts["validation"], parts["test"], classes=classes, seed=seed, on_step=on_step)
    errors = {
        name: (z[:, :classes].argmax(1) != splits[name].labels).double().mean().item() for name, z in codes.items()
    }
    x = pixels(worker_context.test.images[:INVERTED])
    double, some = in_double(network), x[:TIMED].double()
    z = encode(double, some)
    return {
        "errors": errors,
        "nuisance": dataclasses.asdict(found),
        "inverse_error": dataclasses.asdict(inverse_errors(network, x)),
        "seconds": {"forward": _seconds(lambda: encode(double, some)), "inverse": _seconds(lambda: decode(double, z))},
    }


def invertible_and_not(read: Mapping[Subject, Ref]) -> tuple[list[Subject], list[Unfit]]:
    """The networks whose inverse is finite, and the records of the others."""
    told = {subject: read_json(ref.path) for subject, ref in read.items()}
    unfit = [record_of(each[UNFIT]) for each in told.values() if UNFIT in each]
    return [subject for subject, each in told.items() if UNFIT not in each], unfit


def _codes(network: torch.nn.Module, split: Split) -> Tensor:
    """A batch at a time, as pixels of a whole split need not fit."""
    return torch.cat([encode(network, pixels(part)) for part in split.images.split(INVERTED)])  # type: ignore[arg-type]


@torch.no_grad()
def _seconds(work: Callable[[], object]) -> float:
    """Processor time, the median of several calls."""
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return sorted(taken)[REPEATS // 2]
