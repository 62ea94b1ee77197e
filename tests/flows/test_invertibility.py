"""The study of invertible networks by plain calls: whole, resumed, drawn, and its bad input."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator

from flows.publish import children
from flows.report.page import build
from flows.report.table import markdown, render
from flows.studies import as_json, changed, resolve
from flows.studies.invertibility import train_and_invert, trainings
from methods.errors import BadData, BadSetting
from storage import datasets
from storage.formats import read_json, read_tensors
from storage.metamer_rows import read_metamer_rows
from tasks.invertibility.invertible_training import train_invertible
from tasks.invertibility.summarise_invertibility import LOSSES
from tasks.runtime.run import Run
from tests.contexts import inline

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())


def study(*changes, **fields):
    smoke = resolve(
        "invertibility", "smoke", ["data.train_limit=100", "data.test_limit=60", "shift_epochs=1", *changes]
    )
    exhibition = dataclasses.replace(smoke.metamers, n=20, pictured=3)
    return dataclasses.replace(smoke, **{"seeds": (0, 1), "metamers": exhibition, "images": 6, "block": 4} | fields)


def order_of(chosen, home):
    run = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed)
    return run.bound(datasets.load(chosen.data, home=home).digest, chosen.context_config)


def run(chosen, home):
    splits = datasets.load(chosen.data, home=home)
    return train_and_invert(chosen, inline(chosen.context_config, splits, order_of(chosen, home)))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return home, *run(study(), home)


@pytest.fixture
def whole(ran, as_summary):
    return as_summary("invertibility", ran[1])


def problems(summary):
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(summary)]


def test_the_summary_is_one_of_the_schema(whole):
    assert problems(whole) == []
    assert set(whole["losses"]) == {"ce", "ce_likelihood", "ice"}
    del whole["losses"]["ice"]["readers"]
    assert problems(whole)


def test_numbers_of_a_loss_are_means_over_its_networks(ran):
    home, summary, _ = ran
    rows = read_metamer_rows(sorted(str(path) for path in (home / "store" / "metamers").iterdir()))
    assert len(rows["model"]) == 2 * 3 * 20
    assert (rows["label_a"] != rows["label_b"]).all()
    for name, told in summary["losses"].items():
        each = told["per_seed"]
        assert [one["seed"] for one in each] == [0, 1]
        assert told["spread"]["n"] == 2
        assert told["test_error"] == pytest.approx(np.mean([one["test_error"] for one in each]))
        assert told["inverse_error"]["float64"] == max(one["inverse_error"]["float64"] for one in each) < 1e-9
        own = rows["model"] == name
        assert told["metamers"]["n"] == own.sum() == 40
        assert told["metamers"]["vulnerable_share"] == pytest.approx(rows["vulnerable"][own].mean())
        assert set(told["shift"]) == {"binary", "textured"}
        assert set(told["attacks"]) == {"fgsm_linf", "pgd_linf", "pgd_l2", "cw_l2"}
        assert all(attack["n"] == 2 * 6 for attack in told["attacks"].values())
        for one in each:
            validation = {reader: errors["validation"] for reader, errors in one["readers"].items()}
            assert validation[one["nuisance_reader"]] == min(validation.values())
            assert one["nuisance_error"] == one["readers"][one["nuisance_reader"]]["test"]


def test_both_losses_meet_the_same_pairs(ran):
    home, summary, _ = ran
    rows = read_metamer_rows(sorted(str(path) for path in (home / "store" / "metamers").iterdir()))
    found = {
        (name, member): rows["a"][(rows["model"] == name) & (rows["member"] == member)].tolist()
        for name in LOSSES
        for member in (0, 1)
    }
    assert len({tuple(indices) for indices in found.values()}) == 1
    right = {each["metamers"]["witness_right_share"] for each in summary["losses"].values()}
    assert right == {(rows["seen_in_b"] == rows["label_b"])[rows["model"] == "ce"].mean()}


def test_both_losses_begin_alike(tmp_path):
    """With a learning rate of nothing the two networks of a seed are what they began as."""
    chosen = study("ce.schedule.learning_rate=1e-30", "ice.schedule.learning_rate=1e-30")
    splits = datasets.load(chosen.data, home=tmp_path)
    context = inline(chosen.context_config, splits, order_of(chosen, tmp_path))
    made = train_invertible(context, trainings(chosen)[0])
    states = {(each.name, each.seed): read_tensors(each.base.path)[0] for each in made}
    learned = [name for name in states["ce", 0] if "running" not in name and "num_batches" not in name]

    def alike(left, right):
        return all(torch.allclose(left[name], right[name], rtol=0, atol=1e-20) for name in learned)

    assert all(alike(states["ce", seed], states[name, seed]) for name in LOSSES for seed in (0, 1))
    assert not alike(states["ce", 0], states["ce", 1])


def test_a_second_run_computes_nothing_and_a_lost_file_only_itself(ran):
    home, summary, _ = ran
    found = [path for path in (home / "store").rglob("*") if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in found}
    assert len(list((home / "store" / "invertible").iterdir())) == 2 * 3 * 3
    assert run(study(), home)[0] == summary
    assert {path: path.stat().st_mtime_ns for path in found} == times
    lost = next(iter(sorted((home / "store" / "shifts").iterdir())))
    told = read_json(lost)
    lost.unlink()
    assert run(study(), home)[0] == summary
    assert read_json(lost) == told
    assert {path for path in found if path.stat().st_mtime_ns != times[path]} == {lost}


def test_a_page_a_table_and_entries_for_mlflow(ran, whole, tmp_path):
    _, _, details = ran
    for name, content in {"summary": whole, "details": details, "config": as_json(study())}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    page = build(tmp_path).read_text()
    assert whole["verdict"] in page.replace("&#39;", "'")
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"metamers", "strips", "readers"}
    for told in whole["losses"].values():
        for share in (told["test_error"], told["nuisance_error"], told["metamers"]["vulnerable_share"]):
            assert f"{100 * share:.2f}" in page
            assert f"{100 * share:.2f}" in markdown(whole)
    assert "27.70" in page
    assert render(whole)
    assert [(child.kind, child.name) for child in children(whole) if child.kind == "loss"] == [
        ("loss", name) for name in LOSSES
    ]


def test_a_failed_run_has_a_page(whole, tmp_path):
    del whole["losses"]
    failed = {**whole, "state": "failed", "error": "no inverse", "verdict": "The run failed"}
    (tmp_path / "summary.json").write_text(json.dumps(failed))
    assert "no inverse" in build(tmp_path).read_text()


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ("network.levels=4", BadData, "needs 16×16"),
        ("readout.hidden=[16]", BadSetting, "smaller than ice.adversary"),
        (
            'attacks=[{"attack": {"kind": "fgsm"}}, {"attack": {"kind": "fgsm"}}]',
            BadSetting,
            "two are called 'fgsm_linf'",
        ),
        ("data.size=4", BadSetting, "cannot hold 10 classes"),
    ],
)
def test_what_cannot_be_is_found_before_anything_is_trained(tmp_path, change, error, told):
    with pytest.raises(error, match=told):
        run(changed(study(), [change]), tmp_path)
    assert not (tmp_path / "store" / "invertible").exists()
