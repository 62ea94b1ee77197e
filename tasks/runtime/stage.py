"""A stage of a study: inside a flow a Prefect task, anywhere else a plain call."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

TRANSIENT = (ConnectionError, TimeoutError, InterruptedError)
"""What may be different a moment later. Everything else fails at once: retrying a wrong setting wastes a night."""


def transient(_task: Any, _run: Any, state: Any) -> bool:
    """Prefect's retry condition."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TRANSIENT)


def stage(function: Callable[P, R]) -> Callable[P, R]:
    """Makes `function` a Prefect task, named after it.

    Prefect keeps no results: a stage looks for itself at what is committed, which survives any death, and hands on
    references.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from prefect.context import FlowRunContext

        if FlowRunContext.get() is None:
            return function(*args, **kwargs)
        return _as_task(function)(*args, **kwargs)

    return call


@functools.cache
def _as_task(function: Callable[P, R]) -> Callable[P, R]:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    decorate = task(
        name=function.__name__,
        retries=2,
        retry_delay_seconds=[2, 20],
        retry_condition_fn=transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return decorate(function)
