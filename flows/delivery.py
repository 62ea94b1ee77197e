"""Sending finished runs, whose files are final, to MLflow and Prefect. What cannot be sent waits in the outbox."""

from pathlib import Path

from flows.announcements import announce
from flows.publish import artifact, track
from methods.errors import BadData, WeightsmithError
from storage.formats import read_json
from storage.tracking import outbox
from storage.tracking.runs import TrackingFailed, shown_uri

LONGEST = 200
"""Characters of an error in a warning; libraries put whole addresses and causes into one line."""


def send(folder: Path, home: Path) -> None:
    """Log the run in `folder`, then what waits in the outbox; raises nothing, an outage is one line of warning."""
    run = run_of(folder, home)
    try:
        outbox.add(home, run)
        log_one(home, run)
        send_waiting(home)
    except Exception as error:
        waits = "it waits in the outbox, for the next run or `weightsmith log`"
        announce(f"the files of {run} are complete, but it was not logged ({_first_line(error)}); {waits}")
    try:
        artifact(str(folder))
    except Exception as error:
        announce(f"the files of {run} are complete, but its table did not reach Prefect ({_first_line(error)})")


def log_one(home: Path, run: str) -> str:
    """Log one run and take it out of the outbox; returns MLflow's id. Raises what `log_run` does."""
    folder = home / run
    nightly = folder.parent.name if folder.parent.parent == home / "runs" else None
    try:
        logged = track(str(folder), str(home), nightly)
    except Exception as error:
        outbox.add(home, run, _first_line(error))
        raise
    outbox.remove(home, run)
    return logged


def send_waiting(home: Path) -> list[str]:
    """Log everything in the outbox; returns the runs that were logged.

    A run that cannot be logged does not keep the others waiting. Raises `TrackingFailed` where there is no point in
    trying the next one.
    """
    logged = []
    for run in outbox.waiting(home):
        try:
            log_one(home, run)
        except TrackingFailed:
            raise
        except Exception as error:
            announce(f"{run} stays in the outbox: {_first_line(error)}")
        else:
            logged.append(run)
    return logged


def run_of(folder: Path, home: Path) -> str:
    """A run's name: the path of its folder below HOME. Raises `BadData` unless it lies in HOME/runs or HOME/nights."""
    below = folder.resolve(), home.resolve()
    if not any(below[0].is_relative_to(below[1] / kind) for kind in ("runs", "nights")):
        raise BadData(
            problem=f"{folder} is not below {below[1] / 'runs'}", remedy="pass HOME/runs/RUN_ID, and --home HOME"
        )
    return below[0].relative_to(below[1]).as_posix()


def runs_in(folder: Path, home: Path) -> list[str]:
    """The run in a folder, or those of its studies in that of a nightly. Raises `BadData` where there are none."""
    summaries = [path for path in (folder / "summary.json", *sorted(folder.glob("*/summary.json"))) if path.is_file()]
    found = [run_of(path.parent, home) for path in summaries if read_json(path).get("study") != "nightly"]
    if not found:
        raise BadData(problem=f"{folder} holds no run that has ended", remedy="pass the folder HOME/runs/RUN_ID")
    return found


def _first_line(error: Exception) -> str:
    text = error.problem if isinstance(error, WeightsmithError) else f"{type(error).__name__}: {error}"
    line = shown_uri(text).partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
