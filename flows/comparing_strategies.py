"""What the study `strategies` does, in which order: the networks first, then each strategy as one worker's job."""

import dataclasses
import time
from typing import Any

from flows.cells import RESULTS, Relay
from flows.configuration import ParameterDiffusion, Strategies
from flows.measuring_strategies import measured
from flows.strategies_elsewhere import Elsewhere, prepare
from methods.progress import OnStep
from storage.formats import publish_json, read_json
from tasks.classifiers.laboratory import Laboratory
from tasks.classifiers.train import opening, train
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tasks.strategies.summarise_strategies import summarise_strategies


def compare_strategies(study: Strategies, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    own = {each.kind: study.study_of(each) for each in study.strategies}
    contexts = {kind: dataclasses.replace(context, apparatus=each.apparatus) for kind, each in own.items()}
    for each in contexts.values():
        Laboratory.check_plan(each.apparatus, each.splits)
    elsewhere = prepare(study, [each.layout for each in contexts.values()], context)
    beginnings = {(opening(each.strategy), each.strategy.buffers): kind for kind, each in own.items()}
    for kind in beginnings.values():  # here, so that no two workers train the same network
        train(contexts[kind], study.seeds)
    items = {kind: (each, elsewhere, context.run) for kind, each in own.items()}
    found = map_jobs(context, "strategies", compare_one, items, product="strategies", suffix=".json")
    files = list(found.values())
    return summarise_strategies([read_json(ref.path) for ref in files], context.splits, files)


def compare_one(
    laboratory: Laboratory,
    own: ParameterDiffusion,
    elsewhere: Elsewhere,
    run: Run,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """What a strategy leaves.

    A generator that is unfit has a record in place of its numbers. A strategy that stops before there is anything to
    compare, with one of the `RESULTS`, has an `error` in place of all numbers.
    """
    began = time.monotonic()
    pool = InlinePool(own.apparatus, laboratory.splits, Relay(on_step))
    context = RunContext(pool=pool, run=run, splits=laboratory.splits, apparatus=own.apparatus)
    told: dict[str, Any] = {"strategy": own.strategy.kind}
    try:
        told |= measured(own, elsewhere, context)
    except RESULTS as error:
        told["error"] = str(error)
    publish_json(target, told | {"seconds": round(time.monotonic() - began, 3)})
