"""Nights tried beforehand: what is refused, one night by plain calls, and the table over nights."""

import contextlib
import copy
import dataclasses
import html
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from rich.console import Console
from rich.progress import Progress

from flows.cli.main import main
from flows.nights import runner as nights
from flows.nights.headlines import HEADLINES, margin, over_nights, spread
from flows.nights.night_job import PROGRESS, Night, run_night
from flows.nights.nights_progress import NightsProgress
from flows.nights.request import Nights, by_study, parse_date
from flows.nights.summary import claim_over_nights, table
from flows.report.page import build
from flows.report.table import render
from flows.studies import STUDIES
from flows.studies.parameter_diffusion import generate_and_compare
from methods.errors import BadSetting
from storage.datasets import load
from storage.formats import publish_json
from tasks.runtime.pool import WorkerLost
from tasks.runtime.run import Run
from tests.contexts import inline
from tests.flows.conftest import SMALL

CHECKOUT = Path(__file__).parents[2]
SCHEMA = json.loads((CHECKOUT / "docs" / "summary.schema.json").read_text())
SETTINGS = {"parameter_diffusion": [f"{name}={value}" for name, value in SMALL.items()]}
STORED = ("digits", "robustness", "transplant", "invertibility", "image_protection")


def silent(stage: str, done: int, total: int) -> None:
    pass


def small(home: Path, **changes: Any) -> Night:
    """The night of 2025-03-01 with one small study."""
    wanted = Nights(
        first=date(2025, 3, 1), count=1, preset="smoke", studies=("parameter_diffusion",), settings=SETTINGS
    )
    (night,) = nights.plan(wanted, home)[1]
    return dataclasses.replace(night, **changes)


MISTAKES = {
    "no count": (["--count", "0"], ["'--count'", "0"]),
    "no date": (["--from", "2025-02-30"], ["'2025-02-30' is not a date", "YYYY-MM-DD"]),
    "another way to write a date": (["--from", "1.3.2025"], ["'1.3.2025' is not a date"]),
    "beyond the calendar": (["--from", "9999-12-30", "--count", "5"], ["beyond the year 9999"]),
    "no such study": (["--study", "robustnes"], ["study 'robustnes'", "did you mean 'robustness'?"]),
    "not of the nightly": (["--study", "strategies"], ["strategies", "takes no part in the nightly", "transplant"]),
    "no such preset": (["--preset", "smok"], ["'smok'", "did you mean 'smoke'?"]),
    "no study named": (["--set", "samples=3"], ["'samples=3' names no study", "STUDY.path"]),
    "no such study to change": (["--set", "robustnes.images=3"], ["'robustnes'"]),
    "no such field": (["--set", "robustness.imags=3"], ["'imags'", "did you mean 'images'?"]),
    "changes what does not run": (
        ["--study", "robustness", "--set", "transplant.test_images=3"],
        ["--set changes transplant", "add --study transplant"],
    ),
    "fits of another study": (["--study", "robustness", "--fits-only"], ["--fits-only", "parameter_diffusion alone"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_and_nothing_starts(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    usual = [] if "--preset" in arguments else ["--preset", "smoke"]
    usual += [] if "--from" in arguments else ["--from", "2025-03-01"]
    home = tmp_path / "home"
    done = CliRunner().invoke(main, ["nights", *usual, *arguments, "--home", str(home)])
    assert done.exit_code == 2, done.output
    for word in words:
        assert word in done.output
    assert not home.exists()


def test_dates_and_seeds_are_a_schedulers(tmp_path: Path) -> None:
    wanted = Nights(first=parse_date("2024-02-28"), count=3, preset="smoke")
    _, planned = nights.plan(wanted, tmp_path)
    assert [night.date for night in planned] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    for night, seed in zip(planned, (20240228, 20240229, 20240301), strict=True):
        assert night.studies == nights.tonight("smoke", {}, seed)
        assert (night.seed, night.studies["parameter_diffusion"].seeds[0]) == (seed, seed)
    assert len({night.home for night in planned}) == 3


def test_other_ranges_find_the_same_nights_and_other_settings_do_not(tmp_path: Path) -> None:
    one = Nights(first=date(2025, 3, 1), count=1, preset="smoke")
    more = Nights(first=date(2025, 2, 28), count=4, preset="smoke")
    other = dataclasses.replace(one, settings={"robustness": ["images=7"]})
    folder, (night,) = nights.plan(one, tmp_path)
    assert night in nights.plan(more, tmp_path)[1]
    assert folder not in (nights.plan(more, tmp_path)[0], nights.plan(other, tmp_path)[0])
    assert nights.plan(other, tmp_path)[1][0].home != night.home


def test_settings_are_given_by_study() -> None:
    found = by_study(["robustness.images=7", "transplant.base.samples=3", "robustness.block=2"])
    assert found == {"robustness": ["images=7", "block=2"], "transplant": ["base.samples=3"]}
    with pytest.raises(BadSetting, match="names no study"):
        by_study(["images=0.5"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Night, list[tuple[str, int, int]]]:
    """A night that has ended, and what it reported."""
    heard: list[tuple[str, int, int]] = []
    night = small(tmp_path_factory.mktemp("home"))
    run_night(None, night, target=str(night.target), on_step=lambda *each: heard.append(each))
    return night, heard


def test_a_night_leaves_what_a_nightly_leaves_but_its_products(ran) -> None:
    night, heard = ran
    record = json.loads(night.target.read_text())
    assert (record["state"], record["date"], record["seed"]) == ("completed", "2025-03-01", 20250301)
    assert record["cpu_seconds"] > 0
    assert record["report_error"] is None
    validator = Draft202012Validator(SCHEMA)
    for folder in (night.folder, night.folder / "parameter_diffusion"):
        summary = json.loads((folder / "summary.json").read_text())
        assert list(validator.iter_errors(summary)) == []
    assert summary["claims"]["generated_mean"]["value"] == summary["differences"]["latent_ddpm"]["difference"]
    assert summary["stages"].keys() >= {"data", "train", "collect", "fit", "evaluate"}
    assert "<h3>Claims</h3>" in (night.folder / "report.html").read_text()
    assert not (Path(night.home) / "store").exists()
    assert [each for each in heard if each[0] == PROGRESS] == [(PROGRESS, 0, 1), (PROGRESS, 1, 1)]
    assert any(stage == "parameter_diffusion fit" for stage, _, _ in heard)


def test_its_numbers_are_those_of_the_study_alone(ran, tmp_path: Path) -> None:
    night, _ = ran
    study = night.studies["parameter_diffusion"]
    splits = load(study.data, home=tmp_path)
    run = Run(home=str(tmp_path), run_id="alone", preset="smoke", seed=study.seed).bound(
        splits.digest, study.context_config
    )
    alone, _ = generate_and_compare(study, inline(study.context_config, splits, run))
    summary = json.loads(night.summary("parameter_diffusion").read_text())
    for key in ("original", "generated", "gates", "per_seed", "audit"):
        assert summary[key] == json.loads(json.dumps(alone[key])), key


def test_products_stay_where_they_are_wanted(tmp_path: Path) -> None:
    night = small(tmp_path, keep=True, fits_only=True)
    run_night(None, night, target=str(night.target), on_step=silent)
    kept = {path.name for path in (Path(night.home) / "store").iterdir()}
    assert kept >= {"base", "snapshots", "fits"}
    assert not kept & {"generated", "scores", "audits"}
    fits = json.loads(night.summary("parameter_diffusion").read_text())
    assert set(fits["fits"]) == {"0", "20250301"}
    assert fits["fits_hold"] is True
    assert set(fits["fits"]["0"]["gates"]) >= {"autoencoder_overfit", "reconstruction", "latent_scale"}
    assert not (night.folder / "parameter_diffusion" / "summary.json").exists()


def test_a_fit_that_fails_is_a_row_and_the_other_network_is_fitted(tmp_path: Path) -> None:
    night = small(tmp_path, fits_only=True)
    study = night.studies["parameter_diffusion"]
    gates = dataclasses.replace(study.generator.gates, overfit_mse=1e-30)
    strict = dataclasses.replace(study, generator=dataclasses.replace(study.generator, gates=gates))
    night = dataclasses.replace(night, studies={"parameter_diffusion": strict})
    run_night(None, night, target=str(night.target), on_step=silent)
    record = json.loads(night.target.read_text())
    assert record["state"] == "completed"  # a shortfall of the science is a result
    told = table(
        [record],
        [{"parameter_diffusion": json.loads(night.summary("parameter_diffusion").read_text())}],
        fits_only=True,
    )
    assert (told["fits"]["holding"], told["fits"]["of"]) == (0, 1)
    failed = [row for row in told["fits"]["rows"] if not row["passed"]]
    assert {row["seed"] for row in failed} == {0, 20250301}
    for row in failed:
        assert row["gate"] == "autoencoder_overfit"
        assert row["limit"] == 1e-30 < row["value"]
        assert row["margin"] < 0
    assert "All fits hold on 0 of 1 dates." in told["verdict"]


def test_whatever_ends_a_study_is_a_row_with_its_traceback(tmp_path: Path, monkeypatch) -> None:
    """The other study runs; a second call tries the failed one again, and that one alone."""
    asked: list[str] = []

    def breaks(*_: Any) -> Any:
        asked.append("robustness")
        raise ZeroDivisionError("a surprise")

    def works(*_: Any) -> Any:
        asked.append("transplant")
        return {"verdict": "It works.", "transplants": {}, "recipients": {}, "causes": {}}, {}

    bodies = {"robustness": breaks, "transplant": works}
    specs = {name: dataclasses.replace(STUDIES[name], body=body) for name, body in bodies.items()}
    monkeypatch.setattr("flows.nights.night_job.STUDIES", specs)
    monkeypatch.setattr("flows.nights.night_job.report_of", lambda *_: None)
    wanted = Nights(first=date(2025, 3, 1), count=1, preset="smoke", studies=("robustness", "transplant"))
    (night,) = nights.plan(wanted, tmp_path)[1]
    run_night(None, night, target=str(night.target), on_step=silent)
    record = json.loads(night.target.read_text())
    assert record["state"] == "failed"
    assert {name: each["state"] for name, each in record["studies"].items()} == {
        "robustness": "failed",
        "transplant": "completed",
    }
    summary = json.loads(night.summary("robustness").read_text())
    assert (summary["state"], summary["error"]) == ("failed", "ZeroDivisionError: a surprise")
    assert list(Draft202012Validator(SCHEMA).iter_errors(summary)) == []
    assert "line" in (night.folder / "robustness" / "traceback.txt").read_text()
    assert all(not each["holds"] for each in summary["claims"].values())
    night.target.unlink()
    run_night(None, night, target=str(night.target), on_step=silent)
    assert asked == ["robustness", "transplant", "robustness"]


def test_a_night_that_ends_its_worker_does_not_end_the_others(tmp_path: Path, monkeypatch) -> None:
    wanted = Nights(first=date(2025, 3, 1), count=3, preset="smoke", studies=("robustness",))
    _, planned = nights.plan(wanted, tmp_path)
    begun: list[list[str]] = []

    class Pool:
        def carry_out(self, stage: str, jobs: Any) -> None:
            begun.append([job.label for job in jobs])
            if "2025-03-02" in begun[-1]:
                raise WorkerLost(label="2025-03-02", problem="its worker process died 3 times")

    monkeypatch.setattr(nights, "ray_pool", lambda *_: contextlib.nullcontext(Pool()))
    lost = nights.carry_out(planned, progress(3)[0], tmp_path)
    assert begun == [["2025-03-01", "2025-03-02", "2025-03-03"], ["2025-03-01", "2025-03-03"]]
    assert list(lost) == ["2025-03-02"]
    assert lost["2025-03-02"]["state"] == "failed"
    assert "died 3 times" in lost["2025-03-02"]["studies"]["robustness"]["error"]
    assert not planned[1].target.exists()  # the same command tries it again


def progress(total: int) -> tuple[NightsProgress, list[float], Console]:
    now = [0.0]
    console = Console(record=True, width=200, force_terminal=False)
    bars = Progress(console=console, disable=True)
    return NightsProgress(total, console, bars, clock=lambda: now[0]), now, console


def test_progress_says_what_runs_and_how_long_the_rest_takes() -> None:
    shown, now, console = progress(4)
    with shown.stage("nights", 4, 1):
        assert shown.line == "1 of 4 nights done"
        shown(PROGRESS, "2025-03-02", 0, 2)
        shown("robustness attack", "2025-03-02", 3, 8)
        assert shown.left() is None
        now[0] = 100.0
        shown(PROGRESS, "2025-03-02", 1, 2)
        assert shown.left() == pytest.approx(500)  # half a night in 100 s, two and a half to do
        assert shown.line == "1 of 4 nights done; 2025-03-02: robustness attack 3/8; about 8 min 20 s left"
        now[0] = 200.0
        shown(PROGRESS, "2025-03-02", 2, 2)
        assert shown.line == "2 of 4 nights done; about 6 min 40 s left"
    assert "2 of 4 nights done" in console.export_text()


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    found = [json.loads((CHECKOUT / "docs" / "results" / name / "summary.json").read_text()) for name in STORED]
    return {summary["study"]: summary for summary in found}


def record(day: str, studies: Any, **changes: Any) -> dict[str, Any]:
    state = {"path": "x", "state": "completed", "seconds": 3.0, "cpu_seconds": 2.0, "resumed": False, "error": None}
    where = {"commit": "0f" * 20, "dirty": False, "device": "cpu", "torch": "2.15.0"}
    told = {"date": day, "seed": int(day.replace("-", "")), "state": "completed", "seconds": 9.0, "cpu_seconds": 8.0}
    return told | {"environment": where, "studies": {name: dict(state) for name in studies}} | changes


@pytest.fixture
def three(stored) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records and summaries of three nights: as stored, a worse transplant, and a failed one."""
    worse = copy.deepcopy(stored)
    worse["transplant"]["transplants"]["badnets"]["generated"]["aligned"]["kept"] = 0.823
    worse["parameter_diffusion"]["unfit"] = [
        {"part": "latent_ddpm", "seed": 0, "gate": "reconstruction", "value": 0.8956, "limit": 0.9148}
    ]
    failed = stored | {"transplant": {}}
    records = [record(f"2025-03-0{day}", stored) for day in (1, 2, 3)]
    records[2]["state"] = records[2]["studies"]["transplant"]["state"] = "failed"
    records[2]["studies"]["transplant"]["error"] = "the disk is full\n  free some"
    return records, [stored, worse, failed]


def test_a_claim_counts_the_nights_on_which_it_was_measured_and_holds(three) -> None:
    told = table(*three)
    kept = told["claims"]["badnets_aligned_kept"]
    assert (kept["held"], kept["of"], kept["n"]) == (1, 3, 2)
    assert kept["values"] == [pytest.approx(0.9682, abs=1e-4), 0.823, None]
    assert (kept["worst"], kept["best"]) == (0.823, kept["values"][0])
    assert told["studies"]["transplant"] == {
        "completed": 2,
        "claims": {
            "badnets_stitched_kept": {"held": 0, "of": 3, "worst": None},
            "badnets_aligned_kept": {"held": 1, "of": 3, "worst": 0.823},
        },
    }
    assert told["claims"]["generated_mean"]["held"] == 3
    assert "badnets_aligned_kept" in told["nights"][1]["missed"]
    assert "badnets_aligned_kept (1 of 3)" in told["verdict"]
    assert "2 of 3 nights completed" in told["verdict"]
    assert "On 1 of 3 a learnt part is unfit." in told["verdict"]


def test_a_claim_that_was_never_measured_has_no_spread(stored, three) -> None:
    told = table(three[0][2:], three[1][2:])
    kept = told["claims"]["badnets_aligned_kept"]
    assert (kept["n"], kept["mean"], kept["worst"], kept["share"]) == (0, None, None, 0.0)
    with pytest.raises(IndexError):
        claim_over_nights([])


def test_headlines_are_over_the_nights_that_measured_them(three) -> None:
    found = over_nights(three[1])
    assert set(found) == {headline.name for headline in HEADLINES}
    kept = found["transplant_kept"]["badnets, aligned"]
    assert (kept["n"], kept["worst"], kept["values"][2]) == (2, 0.823, None)
    effect = found["protection_effect"]
    assert next(iter(effect)) == "sign steps, ε = 0.0157"
    assert effect["published optimiser, ε = 0.025"]["n"] == 3
    ends = found["backdoor_ssim"]
    assert ends["with trigger"]["mean"] < ends["without trigger"]["mean"]


def test_times_of_a_resumed_study_do_not_count(stored) -> None:
    resumed = stored | {"robustness": stored["robustness"] | {"resumed": True}}
    assert over_nights([stored, resumed])["study_seconds"]["robustness"]["n"] == 1


def test_spread() -> None:
    assert spread([1.0, 3.0], low_is_good=False) == {
        "n": 2,
        "mean": 2.0,
        "std": pytest.approx(2**0.5),
        "worst": 1.0,
        "best": 3.0,
    }
    assert spread([1.0, 3.0], low_is_good=True)["worst"] == 3.0
    assert spread([4.0], low_is_good=True)["std"] == 0.0


def test_margins_of_gates() -> None:
    assert margin({"value": 0.9, "limit": 1.0, "passed": True}) == pytest.approx(0.1)
    assert margin({"value": 0.8956, "limit": 0.9148, "passed": False}) == pytest.approx(-0.021, abs=1e-4)


def test_the_page_and_the_terminal_show_every_number(three, tmp_path: Path) -> None:
    told = table(*three)
    common = {key: three[1][0]["transplant"][key] for key in ("started", "seconds", "environment", "seed")}
    common |= {
        "study": "nights",
        "preset": "digits",
        "run_id": "x",
        "stages": {},
        "config_hash": "c0" * 32,
        "state": "completed",
    }
    summary = json.loads(json.dumps(common | {"error": None} | told))
    assert list(Draft202012Validator(SCHEMA).iter_errors(summary)) == []
    publish_json(tmp_path / "summary.json", summary)
    page = build(tmp_path).read_text()
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    console = Console(record=True, width=500)
    console.print(render(summary))
    terminal = console.export_text()
    for shown in (text, terminal):
        assert "82.3 %" in shown
        assert "1 of 3" in shown
        assert "the disk is full free some" in shown
        assert "unfit in parameter_diffusion: latent_ddpm of seed 0: reconstruction 0.8956, limit 0.9148" in shown
        for headline in told["headlines"].values():
            assert all(series in shown for series in headline)
    assert page.count("<img src=") == len(HEADLINES) + 1
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)


def test_the_table_of_fits_has_a_row_per_gate(tmp_path: Path) -> None:
    gates = {"reconstruction": {"value": 0.8956, "limit": 0.9148, "passed": False, "meaning": "accuracy"}}
    lost = {"holds": False, "gates": {}, "error": "the loss became NaN"}
    fine = {"holds": True, "gates": {"reconstruction": gates["reconstruction"] | {"value": 0.95, "passed": True}}}
    nights_of = [
        {
            "fits": {"0": fine | {"error": None}, "1": {"holds": False, "gates": gates, "error": "missed"}},
            "fits_hold": False,
        },
        {"fits": {"0": fine | {"error": None}, "1": lost}, "fits_hold": False},
        {"fits": {"0": fine | {"error": None}, "1": fine | {"error": None}}, "fits_hold": True},
    ]
    records = [record(f"2025-03-0{day}", ["parameter_diffusion"]) for day in (1, 2, 3)]
    told = table(records, [{"parameter_diffusion": each} for each in nights_of], fits_only=True)
    assert (told["fits"]["holding"], told["fits"]["of"]) == (1, 3)
    assert len(told["fits"]["rows"]) == 6
    assert told["fits"]["margins"]["reconstruction"]["worst"] == pytest.approx(-0.021, abs=1e-4)
    (nan,) = [row for row in told["fits"]["rows"] if row["gate"] is None]
    assert (nan["date"], nan["seed"], nan["meaning"]) == ("2025-03-02", 1, "the loss became NaN")
    assert told["claims"] == told["headlines"] == {}
