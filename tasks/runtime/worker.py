"""What does jobs: a context in a process of its own, warm once and used for many jobs."""

import dataclasses
import gc
from collections.abc import Callable
from typing import Any, Protocol

import torch

from storage.datasets import Splits
from storage.files import Ref, sha256
from storage.places import exists
from tasks.runtime.resources import Resources
from tasks.runtime.threads import set_threads
from tasks.runtime.worker_cache import clear_worker_caches


class Listener(Protocol):
    """Hears of progress: stage, label of the job, done of total, in whatever unit the stage counts."""

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None: ...


class ContextConfig(Protocol):
    """What workers are made for: `open` gives the context that jobs are done in."""

    @property
    def resources(self) -> Resources: ...

    @property
    def reads(self) -> tuple[Any, ...]:
        """What of it any job may read, whatever its arguments: part of every product's key."""
        ...

    def open(self, splits: Splits, /) -> Any: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`work(worker_context, *arguments, target=…, on_step=…)` publishes `target`, and before it the files `beside` it.

    label: what people see. A job whose files are not all there is done again.
    """

    work: Callable[..., object]
    arguments: tuple[Any, ...]
    target: str
    label: str
    beside: tuple[str, ...] = ()

    def committed(self) -> bool:
        return all(map(exists, (self.target, *self.beside)))

    def result(self) -> Ref:
        return Ref(path=self.target, sha256=sha256(self.target))


class Worker:
    """A context in which one job at a time is done. A plain class: Ray makes it an actor, tests use it as it is.

    It serves one study after another; a study is known by the name of its pool.
    """

    def __init__(self) -> None:
        self.study = ""
        self.worker_context: Any = None

    def do(self, job: Job, study: str, context_config: ContextConfig, splits: Splits, listener: Listener) -> None:
        if job.committed():
            return
        set_threads(context_config.resources.threads)
        # by the first job of a study, told by each: a worker that has died and come back knows nothing
        if self.worker_context is None or self.study != study:
            self._clear()
            self.study, self.worker_context = study, context_config.open(splits)
        job.work(
            self.worker_context,
            *job.arguments,
            target=job.target,
            on_step=lambda stage, done, total: listener(stage, job.label, done, total),
        )

    def _clear(self) -> None:
        """Nothing of the study before is left, on no device. A worker's first study finds nothing to clear.

        A worker_context inside of another's job has a worker of its own, which leaves what the outer one remembers.
        """
        if self.worker_context is not None:
            self.worker_context = None
            clear_worker_caches()
            gc.collect()
            torch.cuda.empty_cache()
