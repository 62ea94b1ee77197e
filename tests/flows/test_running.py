"""Which run a command goes on with, what a fresh one may use, and where the newest is found."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

from flows.presets.parameter_diffusion import smoke
from flows.runner import RunOptions, open_run, point_latest
from flows.studies import as_json
from storage.formats import publish_json

NOW = datetime(2026, 1, 31, 2, 0, 7, tzinfo=UTC)


def opened(home: Path, study=smoke(), **options: object):
    run = open_run(study, RunOptions(home=str(home), **options), NOW)
    publish_json(run.folder / "config.json", as_json(study))
    return run.bound("images", study.context_config)


def test_an_interrupted_run_is_gone_on_with_until_it_has_a_summary(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.run_id.startswith("20260131-020007-parameter_diffusion-smoke-")
    assert opened(tmp_path) == first
    other = opened(tmp_path, dataclasses.replace(smoke(), samples=9))
    assert other.run_id != first.run_id
    assert opened(tmp_path, fresh=True).run_id not in (first.run_id, other.run_id)
    publish_json(first.folder / "summary.json", {})
    assert opened(tmp_path / "elsewhere").run_id != first.run_id


def test_a_finished_run_is_not_gone_on_with(tmp_path: Path) -> None:
    first = opened(tmp_path)
    publish_json(first.folder / "summary.json", {})
    second = opened(tmp_path)
    assert second.run_id != first.run_id
    assert second.product("base", "", 1) == first.product("base", "", 1)


def test_a_fresh_run_shares_no_product(tmp_path: Path) -> None:
    usual = opened(tmp_path)
    fresh, again = opened(tmp_path, fresh=True), opened(tmp_path, fresh=True)
    assert len({run.product("base", "", 1) for run in (usual, fresh, again)}) == 3


def test_studies_of_a_nightly_share_its_salt(tmp_path: Path) -> None:
    night = [opened(tmp_path, fresh=fresh, parent=parent) for fresh in (True, False) for parent in ("one", "two")]
    assert [run.run_id for run in night] == ["one-parameter_diffusion", "two-parameter_diffusion"] * 2
    assert night[0].folder == tmp_path / "runs" / "one" / "parameter_diffusion"
    first, second, third, fourth = (run.product("base", "", 1) for run in night)
    assert len({first, second, third}) == 3
    assert third == fourth == opened(tmp_path).product("base", "", 1)


def test_latest_leads_to_the_newest(tmp_path: Path) -> None:
    first = opened(tmp_path)
    point_latest(first)
    second = opened(tmp_path, fresh=True)
    point_latest(second)
    point_latest(opened(tmp_path, parent="one"))
    assert (tmp_path / "runs" / "latest").resolve() == second.folder
    assert not [path for path in (tmp_path / "runs").iterdir() if path.name.startswith(".")]
