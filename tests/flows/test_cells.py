"""Cells of an ablation by plain calls: what they share, what they leave, and what a missed gate leaves."""

import dataclasses
import json

import pytest

from flows.studies import resolve
from flows.studies.ablations import Ablations, Cell, run_cells, study_of
from methods.errors import BadSetting
from storage import datasets
from storage.errors import StorageFull
from storage.formats import read_json
from tasks.generation.summarise_ablations import summarise_cells
from tasks.runtime.run import Run
from tests.benches.plain import run_plainly
from tests.contexts import inline

SMALL = (
    "data.train_limit=120",
    "data.test_limit=40",
    "network.width=1",
    "strategy.first.epochs=1",
    "strategy.then.epochs=12",
    "strategy.rows=12",
    "generator.autoencoding.steps=5",
    "generator.diffusion.steps=5",
    "generator.gates.overfit_mse=1000",
    "generator.gates.variance_kept=-1000",
    "generator.gates.accuracy_margin=1",
    "generator.gates.latent_scale=1000",
    "samples=4",
)
CELLS = (
    Cell(varied="base", value="as it is"),
    Cell(varied="sampler", value="one_shot", changes=("generator.sampling.kind=one_shot",)),
    Cell(varied="rows", value="3", changes=("fit_rows=3",), published=-1.5),
    Cell(varied="gate", value="closed", changes=("generator.gates.overfit_mse=1e-30",)),
    Cell(varied="rate", value="0.5", changes=("strategy.then.learning_rate=0.5",)),
)


def study(*cells: Cell) -> Ablations:
    return Ablations(base=resolve("parameter_diffusion", "smoke", SMALL), cells=cells, seed=3)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Files of all cells, the stages that were gone through, and a call that does it all again."""
    home = tmp_path_factory.mktemp("home")
    chosen = study(*CELLS)
    splits = datasets.load(chosen.data, home=home)
    run = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed).bound(
        splits.digest, chosen.context_config
    )

    def again():
        files = run_cells(chosen, inline(chosen.context_config, splits, run))
        return [read_json(ref.path) for ref in files], [ref.sha256 for ref in files]

    return home, *again(), again


def test_cells_are_configurations_that_differ_where_they_say() -> None:
    chosen = study(*CELLS)
    base, shot, few, *_ = (study_of(chosen, cell) for cell in CELLS)
    assert (base.seed, base.seeds) == (3, (0,))
    assert shot == dataclasses.replace(base, generator=shot.generator)
    assert shot.generator.sampling.kind == "one_shot"
    assert few == dataclasses.replace(base, fit_rows=3)


def test_a_change_that_names_nothing_is_refused() -> None:
    with pytest.raises(BadSetting, match="sampels"):
        study_of(study(*CELLS), Cell(varied="x", value="y", changes=("sampels=3",)))


def test_every_cell_has_numbers_or_a_reason(ran) -> None:
    _, cells, _, _ = ran
    assert [(cell["varied"], cell["value"]) for cell in cells] == [(cell.varied, cell.value) for cell in CELLS]
    base, shot, few, gate, rate = cells
    assert gate["generated"]["unfit"]["gate"] == "autoencoder_overfit"
    assert gate["verdict"] == "unfit"
    assert gate["original"] == base["original"]
    assert base["generated"]["n"] == shot["generated"]["n"] == 4
    assert base["dispersion"] != shot["dispersion"]  # equal fits, sampled in different ways
    assert (few["facts"]["train_rows"], few["published"]) == (3, -1.5)
    assert base["original"] == few["original"]
    assert base["nn_distance_ratio"] != rate["nn_distance_ratio"]


def test_cells_share_what_they_collect(ran) -> None:
    home, *_ = ran
    assert len(list((home / "store" / "base").iterdir())) == 1
    assert len(list((home / "store" / "snapshots").iterdir())) == 2  # the usual rate, and another


def test_a_second_time_nothing_is_done(ran) -> None:
    home, _, digests, again = ran
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert again()[1] == digests
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file() and path.name != "entry.json"}
    assert after.items() <= before.items()


def test_a_cell_with_images_of_its_own_is_the_study_alone_on_them(tmp_path) -> None:
    """Not the base's numbers once more, under another name."""
    change = "data.train_limit=60"
    chosen = study(CELLS[0], Cell(varied="images", value="60", changes=(change,)))
    splits = datasets.load(chosen.data, home=tmp_path)
    run = Run(home=str(tmp_path / "cells"), run_id="plain", preset="custom", seed=chosen.seed)
    run = run.bound(splits.digest, chosen.context_config)
    context = inline(chosen.context_config, splits, run)
    base, fewer = (read_json(ref.path) for ref in run_cells(chosen, context))
    alone = dataclasses.replace(resolve("parameter_diffusion", "smoke", (*SMALL, change)), seed=chosen.seed)
    summary, _ = run_plainly(alone, tmp_path / "alone")
    summary = json.loads(json.dumps(summary))
    assert fewer["original"] == summary["original"]
    assert fewer["generated"] == summary["generated"]["latent_ddpm"]
    assert fewer["difference"] == summary["differences"]["latent_ddpm"]
    audit = summary["audit"]["latent_ddpm"]
    assert fewer["dispersion"] == audit["dispersion"] != base["dispersion"]
    assert fewer["nn_distance_ratio"] == audit["nn_distance_ratio"] != base["nn_distance_ratio"]


def test_a_full_disk_is_no_result(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise StorageFull(path="store", problem="no space left", remedy="free some")

    monkeypatch.setattr("flows.studies.ablations.generate_and_compare", full)
    chosen = study(CELLS[0])
    splits = datasets.load(chosen.data, home=tmp_path)
    run = Run(home=str(tmp_path), run_id="plain", preset="custom", seed=0).bound(splits.digest, chosen.context_config)
    with pytest.raises(StorageFull):
        run_cells(chosen, inline(chosen.context_config, splits, run))
    assert len(list((tmp_path / "store" / "cells").iterdir())) == 1  # that of the collection


def test_the_summary_tells_cells_and_failures_apart(ran) -> None:
    _, cells, _, _ = ran
    stopped = {"varied": "rate", "value": "1e9", "error": "the loss of base training became nan"}
    summary = json.loads(json.dumps(summarise_cells([*cells, stopped])))
    assert [cell["varied"] for cell in summary["cells"]] == ["base", "sampler", "rows", "gate", "rate"]
    assert [cell["varied"] for cell in summary["failed_cells"]] == ["rate"]
    assert "unfit: latent_ddpm, gate = closed (seed 0: autoencoder_overfit" in summary["verdict"]
    assert "1 stopped: rate = 1e9" in summary["verdict"]


def test_the_factor_that_moves_most_is_named() -> None:
    def cell(varied: str, value: str, gap: float, verdict: str = "noise") -> dict:
        return {"varied": varied, "value": value, "difference": {"difference": gap}, "verdict": verdict}

    told = summarise_cells([cell("base", "b", 0.0), cell("x", "1", 0.01, "pass"), cell("y", "1", -0.02)])["verdict"]
    assert told == "1 of 3 cells pass the audit (x = 1); y moves the generated accuracy most, by 2.00 points."
