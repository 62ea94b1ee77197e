"""What a worker remembers from job to job of one study, because the next one would open or build it again."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_forgetting: list[Callable[[], None]] = []


def worker_cache(maxsize: int) -> Callable[[F], F]:
    """`functools.lru_cache` whose results go when the study does: they hold networks, and a context's device."""

    def decorate(function: F) -> F:
        cached = functools.lru_cache(maxsize=maxsize)(function)
        _forgetting.append(cached.cache_clear)
        return cached  # type: ignore[return-value]

    return decorate


def clear_worker_caches() -> None:
    for clear in _forgetting:
        clear()
