"""What the study `strategies` does, in which order: the networks first, then each strategy as one worker's job."""

import time
from typing import Any

from flows.cells import RESULTS, Relay
from flows.configuration import ParameterDiffusion, Strategies
from flows.measuring_strategies import measured
from flows.strategies_elsewhere import Elsewhere, prepare
from methods.progress import OnStep
from storage.datasets import Splits
from storage.formats import publish_json, read_json
from tasks.laboratory import Laboratory
from tasks.pool import InlinePool, Job, Pool
from tasks.run import Run
from tasks.summarise_strategies import summarise_strategies
from tasks.train import opening, train


def compare_strategies(
    study: Strategies, pool: Pool, splits: Splits, run: Run
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    for strategy in study.strategies:
        Laboratory.check_plan(study.study_of(strategy).apparatus, splits)
    layouts = [Laboratory.layout_for(study.study_of(each).apparatus, splits) for each in study.strategies]
    elsewhere = prepare(study, layouts, pool, splits, run)
    openings: dict[str, ParameterDiffusion] = {}
    for each in map(study.study_of, study.strategies):
        openings.setdefault(run.key(opening(each.apparatus), each.strategy.buffers), each)
    for each in openings.values():  # here, so that no two workers train the same network
        train(pool, each.apparatus, splits, study.seeds, run, phases=opening(each.apparatus))
    files = pool.carry_out(
        "strategies",
        [
            Job(
                work=compare_one,
                arguments=(study, each, elsewhere, run),
                target=run.product("strategies", ".json", each, splits.digest, *_decided(study, elsewhere)),
                label=each.strategy.kind,
            )
            for each in map(study.study_of, study.strategies)
        ],
    )
    return summarise_strategies([read_json(ref.path) for ref in files], splits, files)


def compare_one(
    laboratory: Laboratory,
    study: Strategies,
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
    told: dict[str, Any] = {"strategy": own.strategy.kind}
    try:
        told |= measured(study, own, pool, laboratory.splits, elsewhere, run)
    except RESULTS as error:
        told["error"] = str(error)
    publish_json(target, told | {"seconds": round(time.monotonic() - began, 3)})


def _decided(study: Strategies, elsewhere: Elsewhere) -> list[Any]:
    """What decides a strategy's numbers beside its own study: by content, not by where it lies."""
    hosts = [host.base.sha256 for host in elsewhere.hosts.values()]
    tuned = [ref.sha256 for ref in elsewhere.tuned.values()]
    return [hosts, tuned, study.alignment, study.backdoor, study.defended]
