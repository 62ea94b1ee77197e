"""Jobs of a stage. A product's key is computed from all that its job is given, so that nothing can be left out."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from storage.files import Ref
from tasks.runtime.context import RunContext
from tasks.runtime.run import Run
from tasks.runtime.timings import timing_file
from tasks.runtime.worker import Job

K = TypeVar("K")


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """HOME, where a job finds downloaded images; it decides nothing."""

    path: str

    @property
    def key(self) -> None:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """Where a job writes beside its product. It counts by its name, wherever HOME lies."""

    path: str

    @property
    def key(self) -> str:
        return self.path.rpartition("/")[2]


def new_job(
    run: Run,
    product: str,
    work: Callable[..., object],
    arguments: tuple[Any, ...],
    *,
    suffix: str,
    label: str,
    timed: bool = False,
    beside: tuple[str, ...] = (),
) -> Job:
    """A job whose product lies below HOME/store/`product`, under a key of `work`, all its arguments and what `run` is
    bound to.

    arguments: dataclasses, containers and plain values; a `Ref` counts by its content, wherever its file lies. timed:
    the job leaves its seconds beside its product. Raises `TypeError` for an argument that has no key, as a path.
    """
    target = product_path(run, product, work, arguments, suffix=suffix)
    files = (*beside, timing_file(target)) if timed else beside
    return Job(work=work, arguments=arguments, target=target, label=label, beside=files)


def product_path(
    run: Run, product: str, work: Callable[..., object], arguments: tuple[Any, ...], *, suffix: str
) -> str:
    """Where the product of `work` on these arguments lies."""
    return run.product(product, suffix, f"{work.__module__}.{work.__qualname__}", *arguments)


def map_jobs(
    context: RunContext,
    stage: str,
    work: Callable[..., object],
    items: Mapping[K, tuple[Any, ...]],
    *,
    product: str,
    suffix: str,
    label: Callable[[K], str] = str,
    timed: bool = False,
) -> dict[K, Ref]:
    """Run `work(worker_context, *arguments, target=…, on_step=…)` once per item, unless its product is committed.

    stage: what progress calls it. label: of an item, for people.
    """
    if not items:
        return {}
    jobs = {
        key: new_job(context.run, product, work, arguments, suffix=suffix, label=label(key), timed=timed)
        for key, arguments in items.items()
    }
    return dict(zip(jobs, context.pool.carry_out(stage, list(jobs.values())), strict=True))
