"""Logging after the files are final: what an outage leaves, and how it is made up for."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows import delivery as sending
from flows import runner as running
from flows.cli.main import main
from flows.runner import RunOptions, study_run
from flows.studies import resolve
from storage.tracking import outbox
from storage.tracking.runs import TrackingFailed

STUDY = resolve("parameter_diffusion", "smoke")


class Server:
    """In place of MLflow: takes runs, or is down, or refuses some."""

    def __init__(self) -> None:
        self.down = False
        self.refused: set[str] = set()
        self.taken: list[tuple[str, str | None]] = []

    def __call__(self, folder: str, home: str, nightly: str | None) -> str:
        name = Path(folder).name
        if self.down:
            raise TrackingFailed(problem="MLflow at http://***@host did not answer", remedy="wait")
        if name in self.refused:
            raise KeyError(name)
        state = json.loads((Path(folder) / "summary.json").read_text())["state"]
        assert (Path(folder) / "report.html").is_file()
        self.taken.append((f"{name} {state}", nightly))
        return "id"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(sending, "track", server)
    monkeypatch.setattr(running, "report", lambda folder: (Path(folder) / "report.html").write_text("page"))
    return server


def study(home: Path, fails: Exception | None = None, **options: Any) -> Path:
    """A study that has nothing to do."""
    with study_run(STUDY, RunOptions(home=str(home), **options)) as active:
        if fails:
            raise fails
        return Path(active.publish({"verdict": "so it is"}, {}))


def test_an_outage_changes_nothing_of_a_run(server: Server, tmp_path: Path, capsys) -> None:
    server.down = True
    folder = study(tmp_path)
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["state"], summary["error"], summary["verdict"]) == ("completed", None, "so it is")
    said = [line for line in capsys.readouterr().err.splitlines() if "MLflow" in line]
    assert len(said) == 1
    assert "weightsmith log" in said[0]
    assert outbox.waiting(tmp_path) == [f"runs/{folder.name}"]
    server.down = False
    later = study(tmp_path)
    assert server.taken == [(f"{later.name} completed", None), (f"{folder.name} completed", None)]
    assert outbox.waiting(tmp_path) == []


def test_a_failed_run_is_logged_too(server: Server, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nothing there") as caught:
        study(tmp_path, FileNotFoundError("nothing there"), parent="night")
    folder = tmp_path / "runs" / "night" / "parameter_diffusion"
    assert server.taken == [("parameter_diffusion failed", "night")]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["error"] == str(caught.value)
    assert summary["error"].startswith("FileNotFoundError: nothing there")
    assert "in study" in (folder / summary["traceback"]).read_text()
    assert "nothing there" in (folder / "report.html").read_text()


def test_a_report_that_fails_leaves_the_numbers(server: Server, tmp_path: Path, monkeypatch) -> None:
    def broken(folder: str) -> str:
        raise RuntimeError("no font")

    monkeypatch.setattr(running, "report", broken)
    server.down = True
    with pytest.raises(Exception, match="no font"):
        study(tmp_path)
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert json.loads((folder / "summary.json").read_text())["state"] == "completed"
    assert "no font" in (folder / "traceback.txt").read_text()


def test_an_interrupted_run_has_no_summary(server: Server, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, KeyboardInterrupt())  # type: ignore[arg-type]
    assert not list(tmp_path.glob("runs/*/summary.json"))
    assert server.taken == []


def test_one_run_that_is_refused_does_not_keep_the_others(server: Server, tmp_path: Path, capsys) -> None:
    server.down = True
    first, second = study(tmp_path), study(tmp_path)
    server.down, server.refused = False, {first.name}
    done = CliRunner().invoke(main, ["log", "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert [name for name, _ in server.taken] == [f"{second.name} completed"]
    assert outbox.waiting(tmp_path) == [f"runs/{first.name}"]
    assert second.name in done.output
    server.refused = set()
    done = CliRunner().invoke(main, ["log", str(first), "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert outbox.waiting(tmp_path) == []


def test_log_says_what_is_wrong(server: Server, tmp_path: Path) -> None:
    folder = study(tmp_path)
    server.down = True
    done = CliRunner().invoke(main, ["log", str(folder), "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert "did not answer" in done.output
    assert outbox.waiting(tmp_path) == [f"runs/{folder.name}"]
    for wrong in (tmp_path, tmp_path / "nowhere"):
        done = CliRunner().invoke(main, ["log", str(wrong), "--home", str(tmp_path)])
        assert done.exit_code == 1
        assert "holds no run" in done.output
    done = CliRunner().invoke(main, ["log", str(folder), "--home", str(tmp_path / "other")])
    assert "is not below" in done.output


def test_the_table_of_tried_nights_waits_as_well(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "nights" / "smoke-2027-01-01-2"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text('{"study": "nights", "state": "completed"}')
    (folder / "report.html").write_text("page")
    server.down = True
    sending.send(folder, tmp_path)
    assert outbox.waiting(tmp_path) == ["nights/smoke-2027-01-01-2"]
    server.down = False
    assert sending.send_waiting(tmp_path) == ["nights/smoke-2027-01-01-2"]
    assert server.taken == [("smoke-2027-01-01-2 completed", None)]
