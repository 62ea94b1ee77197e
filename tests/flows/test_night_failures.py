"""A night whose studies fail, or that is killed: studies that have nothing to do stand in place of the real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows import delivery as sending
from flows import nightly as nights
from flows import runner as running
from flows.nightly import NightFailed, nightly, tonight
from flows.runner import RunOptions, study_run
from methods.errors import BadData

TAKING_PART = list(tonight("smoke", {}, 1))
FIRST, SECOND, THIRD = TAKING_PART[:3]


class Night:
    """failing: what each study raises, inside of its run, or before it begins."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.inside: dict[str, BaseException] = {}
        self.before: dict[str, BaseException] = {}
        self.done: list[str] = []
        self.salts: dict[str, str] = {}

    def study(self, study: Any, options: RunOptions) -> str:
        name = study.study
        if name in self.before:
            raise self.before[name]
        with study_run(study, options) as active:
            if name in self.inside:
                raise self.inside[name]
            self.done.append(name)
            self.salts[name] = active.context.run.salt
            return active.publish({"verdict": name}, {})

    def run(self, seed: Any = 1, **options: Any) -> Path:
        self.done.clear()
        return Path(nightly.fn("smoke", None, seed, RunOptions(home=str(self.home), **options)))


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    night = Night(tmp_path)
    monkeypatch.setattr(nights, "FLOWS", dict.fromkeys(nights.FLOWS, night.study))
    monkeypatch.setattr(running, "report", lambda folder: (Path(folder) / "report.html").write_text("page"))
    monkeypatch.setattr(nights, "report", lambda folder, redraw: (Path(folder) / "report.html").write_text("page"))
    monkeypatch.setattr(sending, "track", lambda *_: "id")
    return night


def folders(home: Path) -> list[Path]:
    return sorted(path for path in (home / "runs").iterdir() if not path.is_symlink())


FAULTS = [
    FileNotFoundError("a dangling link"),
    BadData(problem="no images", remedy="bring some"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    MemoryError(),
]


@pytest.mark.parametrize("where", ["inside", "before"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_any_exception_ends_one_study_only(fault: Exception, where: str, night: Night, capsys) -> None:
    getattr(night, where)[SECOND] = fault
    with pytest.raises(NightFailed, match=SECOND) as caught:
        night.run()
    assert night.done == [name for name in TAKING_PART if name != SECOND]
    folder = Path(caught.value.folder)
    assert (folder / "report.html").is_file()
    assert json.loads((folder / "config.json").read_text()).keys() == set(TAKING_PART)
    summary = json.loads((folder / "summary.json").read_text())
    states = {name: each["state"] for name, each in summary["studies"].items()}
    assert states == {**dict.fromkeys(TAKING_PART, "completed"), SECOND: "failed"}
    told = json.loads((folder / SECOND / "summary.json").read_text())
    assert told["state"] == "failed"
    assert (str(fault) or "MemoryError").partition("\n")[0] in told["error"]
    assert type(fault).__name__ in (folder / SECOND / told["traceback"]).read_text()
    assert (folder / SECOND / "report.html").is_file()
    said = capsys.readouterr().err
    assert f"{SECOND} failed: " in said
    assert said.index(f"{SECOND} failed: ") < said.index(f"{THIRD} smoke")  # when it happens
    assert "Traceback" not in said


def test_what_ends_a_study_after_its_end_leaves_its_numbers(night: Night, monkeypatch) -> None:
    def broken(folder: str) -> str:
        raise OSError("no font")

    monkeypatch.setattr(running, "report", broken)
    with pytest.raises(NightFailed) as caught:
        night.run()
    folder = Path(caught.value.folder)
    for name in TAKING_PART:
        assert json.loads((folder / name / "summary.json").read_text())["state"] == "completed"
        assert "no font" in (folder / name / "traceback.txt").read_text()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_killed_night_goes_on_with_the_same_command(fresh: bool, night: Night) -> None:
    night.inside[THIRD] = KeyboardInterrupt()
    night.inside[FIRST] = OSError("only this once")
    with pytest.raises(KeyboardInterrupt):
        night.run(fresh=fresh)
    assert night.done == [SECOND]
    (folder,) = folders(night.home)
    assert not (folder / "summary.json").exists()
    salts, night.inside = dict(night.salts), {}
    assert night.run(fresh=fresh) == folder
    assert night.done == [name for name in TAKING_PART if name != SECOND]
    assert {**night.salts, **salts} == night.salts
    assert set(night.salts.values()) == {folder.name if fresh else ""}
    assert not (folder / FIRST / "traceback.txt").exists()
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["studies"]) == TAKING_PART
    assert {each["state"] for each in summary["studies"].values()} == {"completed"}
    assert night.run(fresh=fresh) != folder  # it is complete


def test_another_night_does_not_go_on_with_it(night: Night, monkeypatch) -> None:
    night.inside[SECOND] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        night.run()
    (folder,) = folders(night.home)
    night.inside = {}
    assert night.run(seed=2) != folder
    assert night.run(fresh=True) != folder
    with monkeypatch.context() as patch:
        patch.setattr("tasks.runtime.run.source_digest", lambda: "other code")
        assert night.run() != folder
    config = json.loads((folder / FIRST / "config.json").read_text())
    (folder / FIRST / "config.json").write_text(json.dumps({**config, "seed": 77}))
    assert night.run() == folder
    assert night.done == TAKING_PART  # the first one had another configuration


def test_a_scheduled_night_has_the_date(night: Night, monkeypatch) -> None:
    monkeypatch.setattr(nights, "rotating_seed", lambda moment: 20260131)
    folder = night.run(seed="date")
    told = json.loads((folder / FIRST / "summary.json").read_text())
    assert told["rotating_seed"] == 20260131
    assert json.loads((folder / FIRST / "config.json").read_text())["seeds"] == [20260131, 0]


def test_a_broken_folder_in_the_home_stops_nothing(night: Night) -> None:
    for name, content in {"20260131-020000-nightly-smoke-abcd": "{", "other": "\x00", "list": "[]"}.items():
        (night.home / "runs" / name).mkdir(parents=True)
        (night.home / "runs" / name / "config.json").write_text(content)
    (night.home / "runs" / "dangling").mkdir()
    (night.home / "runs" / "dangling" / "config.json").symlink_to("nowhere")
    assert (night.run() / "summary.json").is_file()
