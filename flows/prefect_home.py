"""Prefect's settings for a run, and what a killed run left behind. To be called before anything imports prefect."""

import os
from pathlib import Path

import psutil

from storage.write_errors import write_errors

QUIET = {
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # the command line says what went wrong, once; a server gets Prefect's own account of it
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
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


def end_orphans(home: Path) -> int:
    """Ends the temporary Prefect servers of this home whose flow was killed; returns how many there were.

    To be called by whoever holds the home's lock: then no such server can belong to a living flow of this home.
    """
    ended = 0
    state = os.environ.get("PREFECT_HOME", str(home / "prefect"))
    for process in psutil.process_iter(["cmdline", "ppid"]):
        command = " ".join(process.info["cmdline"] or ())
        if "prefect.server.api.server" not in command or _has_flow(process):
            continue
        try:
            if process.environ().get("PREFECT_HOME") == state:
                process.terminate()
                ended += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return ended


def _has_flow(server: psutil.Process) -> bool:
    """Whether the process that started `server` lives; orphans belong to init, or to what a session has for it."""
    if server.info["ppid"] == os.getpid():
        return True
    if server.info["ppid"] == 1:
        return False
    try:
        return "python" in Path(psutil.Process(server.info["ppid"]).exe()).name
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
