"""Prefect's settings for a run, and what a killed run left behind. To be called before anything imports prefect."""

import os
from pathlib import Path

import psutil

from storage.write_errors import write_errors

QUIET = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def prepare(home: Path) -> None:
    """State below HOME, no telemetry, no chatter; what the user has set already stays.

    Raises `ReadOnlyHome` or `StorageFull`.
    """
    with write_errors(home):
        (home / "prefect").mkdir(parents=True, exist_ok=True)
    for name, value in (QUIET | {"PREFECT_HOME": str(home / "prefect")}).items():
        os.environ.setdefault(name, value)


def end_orphans() -> int:
    """Ends the temporary Prefect servers of this home whose flow was killed; returns how many there were.

    To be called by whoever holds the home's lock: then no such server can belong to a living flow of this home.
    """
    ended = 0
    for process in psutil.process_iter(["cmdline", "ppid"]):
        command = " ".join(process.info["cmdline"] or ())
        if process.info["ppid"] != 1 or "prefect.server.api.server" not in command:
            continue
        try:
            if process.environ().get("PREFECT_HOME") == os.environ["PREFECT_HOME"]:
                process.terminate()
                ended += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return ended
