"""Generation for networks never seen as a part of the study of transplants: its summary, page and entries."""

import json

import pytest
from jsonschema import Draft202012Validator

from flows.publish import children
from flows.report.page import build
from flows.studies import changed
from methods.errors import BadSetting
from methods.generation.latent_ddpm import Diffusion, Sampling
from models.unit_denoiser import UnitSet
from tasks.unseen.held_out import HeldOut
from tests.flows.test_transplant import SCHEMA, run, study

HELD_OUT = HeldOut(
    training_seeds=(10, 11),
    held_out_seeds=(20, 21),
    samples=3,
    denoiser=UnitSet(width=16, registers=1),
    diffusion=Diffusion(steps=2, batch_size=4, times=20, beta_last=0.5),
    sampling=Sampling(steps=2),
)
NAMES = {
    "generator": 6,
    "generator_mean": 2,
    "real_snapshots": 6,
    "baseline_mean_of_aligned": 2,
    "baseline_linear_readout": 2,
    "own_snapshots": 20,
    "recipient": 2,
}
"""And how many models of two networks there are."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    return run(study(held_out=HELD_OUT, seeds=(0,)), tmp_path_factory.mktemp("home"))


@pytest.fixture
def whole(ran, as_summary):
    return as_summary("transplant", ran[0])


def test_all_sets_of_models_are_in_the_summary(whole):
    assert {name: told["n"] for name, told in whole["held_out"].items()} == NAMES
    assert whole["held_out_facts"]["per_seed"].keys() == {"20", "21"}
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(whole)] == []
    del whole["held_out"]["real_snapshots"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(whole))


def test_a_section_of_the_page_and_entries_for_mlflow(ran, whole, tmp_path):
    for name, content in {"summary": whole, "details": ran[1], "config": {}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    page = build(tmp_path).read_text()
    assert "Generation for networks never seen" in page
    assert f"{100 * whole['held_out']['generator']['mean']:.2f}" in page
    assert (tmp_path / "figures" / "held_out.png").is_file()
    assert {child.name for child in children(whole) if child.kind == "held_out"} == set(NAMES)


def test_the_command_line_sets_its_fields():
    chosen = changed(study(held_out=HELD_OUT), ["held_out.statistics.per_class=means", "held_out.samples=7"])
    assert (chosen.held_out.statistics.per_class, chosen.held_out.samples) == ("means", 7)
    with pytest.raises(BadSetting, match="seeds"):
        changed(study(held_out=HELD_OUT), ["held_out.held_out_seeds=[10]"])
