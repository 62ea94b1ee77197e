"""What Ray would print on the driver's terminal, kept in memory instead.

`ray.init(log_to_driver=False)` silences the workers' output, but not the errors that Ray's own processes publish: a
thread of the driver prints them with the prefix `(raylet)`, also at the end of runs in which nothing went wrong. Ray
has no switch for it.
"""

import collections
import logging
from collections.abc import Callable, Mapping
from typing import Any

KEPT = 50
DIED = "A worker died or was killed"
"""Ray's message about a worker process that ended in the middle of a job."""

_messages: collections.deque[str] = collections.deque(maxlen=KEPT)
_listener: Callable[[str], None] | None = None


def silence() -> None:
    """Print nothing of Ray's from now on; `messages` has it. To be called before `ray.init`."""
    from ray._private import worker

    worker.print_to_stdstream = _keep  # looked up by name each time that Ray's thread prints
    log = logging.getLogger("ray")
    log.propagate = False
    log.setLevel(logging.WARNING)
    if not any(isinstance(each, _Keeper) for each in log.handlers):
        log.addHandler(_Keeper())


def listen(listener: Callable[[str], None] | None) -> None:
    """Tell `listener` in one plain sentence when a worker process has died; None: nobody."""
    global _listener
    _listener = listener


def messages() -> list[str]:
    """The last messages of Ray's in this process, the oldest first."""
    return list(_messages)


def _keep(data: Mapping[str, Any], ignore_prefix: bool = False) -> None:
    for line in data.get("lines", ()):
        _messages.append(str(line).strip())
        if _listener is not None and DIED in str(line):
            _listener("a worker process died; Ray starts it again, twice at most (often it is memory)")


class _Keeper(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _messages.append(record.getMessage())
