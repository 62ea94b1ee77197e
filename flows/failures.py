"""What an exception leaves of a study: a summary that says `failed`, a report, and the traceback in a file."""

import contextlib
import dataclasses
import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flows.announcements import announce
from flows.publish import report
from methods.errors import GateFailed, WeightsmithError
from storage.files import publish
from storage.formats import publish_json
from storage.tracking.runs import shown_uri
from tasks.runtime.ray_output import messages

TRACEBACK = "traceback.txt"
LONGEST = 300
"""Characters of a foreign exception's message that are shown; the traceback has all of it."""


@dataclasses.dataclass(eq=False, kw_only=True)
class Unexpected(WeightsmithError):
    """An exception that no code here raises on purpose: a fault of the project, of a library or of the machine."""


def expected(error: Exception, folder: Path) -> WeightsmithError:
    """`error` itself, or one of the project's own that names its type and message, and where its traceback is."""
    if isinstance(error, WeightsmithError):
        return error
    cause = getattr(error, "cause", None) or error  # Ray wraps what a worker raised, and puts its traceback into words
    lines = shown_uri(str(cause)).strip().splitlines() or ["no message"]
    return Unexpected(
        problem=f"{type(cause).__name__}: {lines[0][:LONGEST]}",
        remedy=f"{folder / TRACEBACK} has the traceback; what was committed is found when the command is run again",
    )


def write_traceback(folder: Path, error: BaseException) -> None:
    """The traceback and Ray's last messages, in which no password of a URI is readable."""
    text = "".join(traceback.format_exception(error))
    if said := messages():
        text += "\nRay's last messages in this process:\n" + "\n".join(said) + "\n"
    publish(folder / TRACEBACK, lambda path: path.write_text(shown_uri(text), encoding="utf-8"))


def record(folder: Path, error: Exception, common: Callable[[], Mapping[str, Any]]) -> WeightsmithError:
    """Write traceback, failed summary and report into `folder`; returns the error that a user is to see.

    common: gives the keys that every summary has. A summary that is there stays: what failed is then something after
    the study, such as its report. Nothing is raised: a full disk must not hide the first error.
    """
    shown = expected(error, folder)
    try:
        write_traceback(folder, error)
        if not (folder / "summary.json").exists():
            publish_json(folder / "summary.json", {**common(), **_failed(shown)})
            report(str(folder))
    except Exception as second:
        first_line = shown_uri(str(second)).partition("\n")[0][:LONGEST]
        announce(f"this failure could not be recorded in {folder}: {type(second).__name__}: {first_line}")
    announce(f"failed: {shown}", logging.ERROR, quietly=True)
    return shown


def _failed(error: WeightsmithError) -> dict[str, Any]:
    told: dict[str, Any] = {"state": "failed", "error": shown_uri(str(error)), "traceback": TRACEBACK}
    told["verdict"] = f"The run failed: {shown_uri(error.problem)}"
    if isinstance(error, GateFailed):
        gate = {"value": error.value, "limit": error.limit, "passed": False, "meaning": error.problem}
        told["gates"] = {error.gate: gate}
    return told


def discard(folder: Path) -> None:
    """Remove what an earlier attempt in the same folder says about its end."""
    for name in ("summary.json", TRACEBACK):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
