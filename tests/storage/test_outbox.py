"""What waits to be logged, whatever has become of the files."""

import json
from pathlib import Path

from storage.tracking import outbox


def ended(home: Path, *runs: str) -> None:
    for run in runs:
        (home / run).mkdir(parents=True)
        (home / run / "summary.json").write_text("{}")


def test_runs_wait_until_they_are_removed(tmp_path: Path) -> None:
    ended(tmp_path, "runs/one", "runs/night/robustness")
    assert outbox.waiting(tmp_path) == []
    outbox.add(tmp_path, "runs/one")
    outbox.add(tmp_path, "runs/night/robustness", "no answer")
    outbox.add(tmp_path, "runs/night/robustness", "no answer")
    assert outbox.waiting(tmp_path) == ["runs/night/robustness", "runs/one"]
    entry = json.loads((tmp_path / "outbox" / "runs+night+robustness.json").read_text())
    assert entry["reason"] == "no answer"
    outbox.remove(tmp_path, "runs/night/robustness")
    outbox.remove(tmp_path, "never there")
    assert outbox.waiting(tmp_path) == ["runs/one"]


def test_damaged_entries_and_deleted_runs_are_passed_over(tmp_path: Path) -> None:
    ended(tmp_path, "runs/one")
    for run in ("runs/one", "nights/deleted"):
        outbox.add(tmp_path, run)
    for name, content in {"torn": '{"run": ', "other": "[]", "list": '{"name": 1}', "number": '{"run": 3}'}.items():
        (tmp_path / "outbox" / f"{name}.json").write_text(content)
    assert outbox.waiting(tmp_path) == ["runs/one"]
    assert not (tmp_path / "outbox" / "nights+deleted.json").exists()
    assert (tmp_path / "outbox" / "torn.json").exists()
