"""Runs that wait to be logged: one small JSON file per run in HOME/outbox, which names the run's folder.

An entry is written before anything is sent and removed once all has arrived, so that neither an unreachable tracking
server nor a killed process loses a run.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from storage.formats import publish_json


def add(home: Path, run: str, reason: str = "") -> None:
    """Let `run`, a path below HOME such as `runs/ID` or `nights/NAME`, wait.

    reason: why it was not sent, for whoever looks into the file.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    publish_json(_entry(home, run), {"run": run, "since": since, "reason": reason})


def remove(home: Path, run: str) -> None:
    _entry(home, run).unlink(missing_ok=True)


def waiting(home: Path) -> list[str]:
    """The runs that wait, by name. Unreadable entries are skipped, those of deleted runs removed."""
    found = []
    for path in sorted((home / "outbox").glob("*.json")):
        try:
            run = json.loads(path.read_bytes())["run"]
            there = (home / run / "summary.json").is_file()
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if there:
            found.append(run)
        else:
            path.unlink(missing_ok=True)
    return found


def _entry(home: Path, run: str) -> Path:
    return home / "outbox" / f"{run.replace('/', '+')}.json"
