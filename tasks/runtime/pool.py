"""Jobs, and how they are given to the workers that do them: a Ray actor each, or this process.

A job publishes one file, its target. What is committed is skipped, so carrying out the same jobs again after any kind
of death does only what is missing.
"""

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from methods.errors import WeightsmithError
from storage.datasets import Splits
from storage.files import Ref
from tasks.runtime.actor_pool import RESTARTS, acquire_progress_board, acquire_worker, release
from tasks.runtime.cluster import Share, connected, share
from tasks.runtime.progress_board import ProgressWriter
from tasks.runtime.threads import fixed_threads
from tasks.runtime.worker import ContextConfig, Job, Listener, Worker

POLL_SECONDS = 0.3


@dataclasses.dataclass(eq=False, kw_only=True)
class WorkerLost(WeightsmithError):
    """A job ended its worker process again and again, or did not end; `label` says which."""

    label: str = ""


class Watcher(Listener, Protocol):
    """A listener that also hears which stage runs, with how many jobs, of which so many were committed before."""

    def stage(self, name: str, jobs: int, committed: int) -> AbstractContextManager[None]: ...


class Pool(Protocol):
    def carry_out(self, stage: str, jobs: Sequence[Job]) -> list[Ref]:
        """The jobs' targets, in the jobs' order; whatever is committed already is not done again."""
        ...


class InlinePool:
    """Every job in this process, one after the other."""

    def __init__(self, context_config: ContextConfig, splits: Splits, watcher: Watcher) -> None:
        self.worker, self.context_config, self.splits, self.watcher = Worker(), context_config, splits, watcher

    def carry_out(self, stage: str, jobs: Sequence[Job]) -> list[Ref]:
        heard = self.watcher.stage(stage, len(jobs), sum(job.committed() for job in jobs))
        with heard, fixed_threads(self.context_config.resources.threads):
            for job in jobs:
                self.worker.do(job, "inline", self.context_config, self.splits, self.watcher)
        return [job.result() for job in jobs]


class RayPool:
    """Jobs spread over Ray actors, one in flight per actor. Ray starts with the first job that is really to be done."""

    def __init__(self, context_config: ContextConfig, splits: Splits, watcher: Watcher, home: Path) -> None:
        self.context_config, self.splits, self.watcher, self.home = context_config, splits, watcher, home
        self.name = uuid.uuid4().hex
        self.open = contextlib.ExitStack()
        self.workers: list[Any] = []
        self.grant = Share(0, 0.0, 1)
        self.failed = False
        self.available: dict[str, float] = {}
        self.board: Any = None
        self.teller: Any = None
        self.shared: Any = None

    def carry_out(self, stage: str, jobs: Sequence[Job]) -> list[Ref]:
        waiting = [job for job in jobs if not job.committed()]
        with self.watcher.stage(stage, len(jobs), len(jobs) - len(waiting)):
            if waiting:
                self._connect()
                self.grant = share(self.context_config.resources, self.available, len(waiting))
                self._staff()
                self._work_off(stage, waiting)
        if lost := [job.label for job in jobs if not job.committed()]:
            raise WorkerLost(problem=f"{stage}: no result of {', '.join(lost)}", remedy="run the same command again")
        return [job.result() for job in jobs]

    def _connect(self) -> None:
        if self.board is None:
            self.available = self.open.enter_context(connected(self.home))
            import ray

            self.board = acquire_progress_board()
            self.teller = ProgressWriter(self.board)
            self.shared = ray.put(self.splits)  # held by the pool: a restarted worker needs it again

    def _staff(self) -> None:
        while len(self.workers) < self.grant.workers:
            self.workers.append(acquire_worker(self.grant.gpus, self.grant.cpus))

    def _work_off(self, stage: str, jobs: list[Job]) -> None:
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        waiting, idle = jobs[::-1], self.workers[: self.grant.workers]
        flying: dict[Any, tuple[Job, Any, float]] = {}
        patience = 3600 * self.context_config.resources.job_hours
        try:
            while waiting or flying:
                while waiting and idle:
                    job, worker = waiting.pop(), idle.pop()
                    told = worker.do.remote(job, self.name, self.context_config, self.shared, self.teller)
                    flying[told] = (job, worker, time.monotonic())
                ended, _ = ray.wait(list(flying), num_returns=1, timeout=POLL_SECONDS)
                for (heard, label), (done, total) in ray.get(self.board.read.remote()).items():
                    self.watcher(heard, label, done, total)
                for ref in ended:
                    job, worker, _ = flying.pop(ref)
                    idle.append(worker)
                    try:
                        ray.get(ref)
                    except RayTaskError as error:
                        if isinstance(error.cause, WeightsmithError):
                            raise error.cause from error  # which has the worker's traceback
                        raise
                    except RayActorError as error:
                        self.workers.remove(worker)
                        raise WorkerLost(
                            label=job.label,
                            problem=f"{stage}, {job.label}: its worker process died {RESTARTS + 1} times",
                            remedy="most often memory: lower resources.cache_gib, resources.actors or the batch size",
                        ) from error
                for job, _, began in flying.values():
                    if time.monotonic() - began > patience:
                        raise WorkerLost(
                            label=job.label,
                            problem=f"{stage}, {job.label}: no result after "
                            f"{self.context_config.resources.job_hours} hours",
                            remedy="raise resources.job_hours if it needs longer",
                        )
        except BaseException:
            self.failed = True
            for _, worker, _ in flying.values():
                ray.kill(worker)
                if worker in self.workers:
                    self.workers.remove(worker)
            raise

    def close(self, *, well: bool) -> None:
        """well: whether nothing went wrong; only then can another study use the workers."""
        release([(self.grant.gpus, self.grant.cpus, worker) for worker in self.workers], self.board, well=well)
        self.workers.clear()
        self.open.close()


@contextlib.contextmanager
def ray_pool(context_config: ContextConfig, splits: Splits, watcher: Watcher, home: Path) -> Iterator[RayPool]:
    pool = RayPool(context_config, splits, watcher, home)
    well = False
    try:
        yield pool
        well = True
    finally:
        if pool.board is not None:
            pool.close(well=well and not pool.failed)
