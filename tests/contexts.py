"""A study's context without Prefect, Ray or MLflow: every job in this process."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storage.datasets import Splits
from tasks.runtime.context import RunContext
from tasks.runtime.pool import InlinePool, Pool
from tasks.runtime.run import Run
from tests.benches.plain import Unseen


def inline(context_config: Any, splits: Splits, run: Run) -> RunContext:
    return context(InlinePool(context_config, splits, Unseen()), context_config, splits, run)


def context(pool: Pool, context_config: Any, splits: Splits, run: Run) -> RunContext:
    return RunContext(pool=pool, run=run, splits=splits, context_config=context_config)


def inline_at(home: Path, study: Any, splits: Splits) -> RunContext:
    """Of a study whose products lie below `home`."""
    run = Run(home=str(home), run_id="plain", preset=study.preset, seed=study.seed)
    return inline(study.context_config, splits, run.bound(splits.digest, study.context_config))


def forbidden(work: Callable[..., object]) -> Callable[..., object]:
    """In place of a job's work, under its name: a job that is done fails."""

    @functools.wraps(work)
    def fails(*_: object, **__: object) -> None:
        raise AssertionError(f"{work.__qualname__} was called")

    return fails
