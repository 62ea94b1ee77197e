"""A study by plain calls: every stage in this process, without Prefect, Ray or MLflow."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.runner import ActiveRun, RunOptions
from flows.studies.parameter_diffusion import ParameterDiffusion, generate_and_compare
from storage import datasets
from tasks.runtime.context import RunContext
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run


class Unseen:
    """A watcher that shows nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        yield

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        pass


def active(study: ParameterDiffusion, home: Path) -> ActiveRun:
    splits = datasets.load(study.data, home=home)
    run = Run(home=str(home), run_id="plain", preset=study.preset, seed=study.seed).bound(
        splits.digest, study.context_config
    )
    pool = InlinePool(study.context_config, splits, Unseen())
    context = RunContext(pool=pool, run=run, splits=splits, context_config=study.context_config)
    return ActiveRun(context, study, display=Unseen(), started=datetime.now(UTC), options=RunOptions(home=str(home)))


def run_plainly(study: ParameterDiffusion, home: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary and the details of the study; its products lie below `home`."""
    return generate_and_compare(study, active(study, home).context)
