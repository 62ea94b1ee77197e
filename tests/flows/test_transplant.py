"""The study of transplants by plain calls: whole, resumed, drawn, and its bad input."""

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
from flows.studies import changed, resolve
from flows.studies.transplant import transplant_and_compare
from methods.backdoor.triggers import Patch
from methods.collection.strategy import LastPhase, Training
from methods.errors import BadSetting
from models import CifarResNet
from storage import datasets
from storage.formats import read_tensors
from tasks.runtime.run import Run
from tasks.transplant.align import KINDS
from tasks.transplant.failure_modes import MISTAKES
from tasks.transplant.fine_tune import FineTuning
from tasks.transplant.stitch import STITCHED
from tests.contexts import inline

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
BRIEF = Training(epochs=2, learning_rate=0.05, batch_size=20)


def study(**fields):
    smoke = resolve("transplant", "smoke", ["base.data.train_limit=100", "base.data.test_limit=40"])
    strategy = LastPhase(keep=("layer4.1.bn2.*", "linear.*"), first=BRIEF, then=BRIEF, rows=10)
    generator = changed(smoke.base, ['generator={"kind": "gram_pca"}']).generator
    base = dataclasses.replace(
        smoke.base, network=CifarResNet(depth=18, width=2), strategy=strategy, generator=generator, samples=3
    )
    usual = {"base": base, "recipient": BRIEF, "fine_tuning": FineTuning(training=BRIEF, models=2), "seeds": (0, 1)}
    return dataclasses.replace(smoke, **usual | fields)


def run(chosen, home):
    splits = datasets.load(chosen.data, home=home)
    order = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed).bound(
        splits.digest, chosen.context_config
    )
    return transplant_and_compare(chosen, inline(chosen.context_config, splits, order))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return home, *run(study(), home)


@pytest.fixture
def whole(ran, as_summary):
    return as_summary("transplant", ran[1])


def test_the_summary_is_one_of_the_schema(whole):
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(whole)] == []
    del whole["transplants"]["badnets"]["generated"]["aligned"]["asr_mean"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(whole))


def test_models_of_all_donors_are_counted_and_nothing_changes_at_home(ran):
    _, summary, _ = ran
    for name, sources in summary["transplants"].items():
        host = summary["recipients"][name]
        for source, models in (("collected", 20), ("generated", 6)):
            kinds = KINDS if name == "source" else (*KINDS, STITCHED)
            assert {kind: told["n"] for kind, told in sources[source].items()} == dict.fromkeys(kinds, models)
            for told in sources[source].values():
                assert len(told["per_donor"]) == 2
                assert np.mean([each["mean"] for each in told["per_donor"]]) == pytest.approx(told["mean"])
                assert told["kept"] == pytest.approx(told["mean"] / host["clean_accuracy"])
    home = summary["transplants"]["source"]["generated"]
    assert home["as_is"]["accuracies"] == home["aligned"]["accuracies"]
    assert home["as_is"]["agreement"]["donor"] == 1
    assert home["as_is"]["matched_correlation"] == pytest.approx(home["aligned"]["matched_correlation"])
    away = summary["transplants"]["independent"]["generated"]
    assert away["aligned"]["matched_correlation"] > away["as_is"]["matched_correlation"]


def test_each_mistake_is_made_with_the_same_models(ran):
    _, summary, _ = ran
    causes, moved = summary["causes"], summary["transplants"]
    assert set(causes) == {"none", "unaligned", *MISTAKES}  # nothing is denoised here, so that nothing is one shot
    assert {told["n"] for told in causes.values()} == {6}
    assert causes["none"]["accuracies"] == moved["source"]["generated"]["as_is"]["accuracies"]
    assert causes["unaligned"]["accuracies"] == moved["independent"]["generated"]["as_is"]["accuracies"]
    for name, told in causes.items():
        if name != "none":
            gap = told["mean"] - causes["none"]["mean"]
            assert told["difference"]["difference"] == pytest.approx(gap)


def test_a_second_run_computes_nothing_and_says_the_same(ran):
    home, summary, _ = ran
    found = [path for path in (home / "store").rglob("*") if path.is_file() and path.name != "entry.json"]
    times = {path: path.stat().st_mtime_ns for path in found}
    assert run(study(), home)[0] == summary
    assert {path: path.stat().st_mtime_ns for path in found} == times


def test_a_page_a_table_and_entries_for_mlflow(ran, whole, tmp_path):
    _, _, details = ran
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in {"summary": whole, "details": details, "config": {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    page = build(folder).read_text()
    assert whole["verdict"] in page.replace("&#39;", "'")
    assert {path.stem for path in (folder / "figures").iterdir()} == {"histograms", "causes", "backdoor"}
    mean = f"{100 * whole['transplants']['badnets']['collected']['aligned']['mean']:.2f}"
    assert mean in page
    assert mean in markdown(whole)
    assert render(whole)
    named = [(child.kind, child.name) for child in children(whole)]
    assert len(named) == len(set(named)) == 3 * 2 * 3 + 2 * 2 + 1 + len(whole["causes"])
    assert ("transplant", "badnets generated aligned") in named


def test_a_run_with_diffusion_knows_the_one_shot(tmp_path):
    smoke = resolve("transplant", "smoke")
    gates = dataclasses.replace(
        smoke.base.generator.gates,
        overfit_mse=1e9,
        overfit_steps=1,
        variance_kept=-1e9,
        accuracy_margin=1.0,
        latent_scale=1e9,
    )
    brief = {"autoencoding": dataclasses.replace(smoke.base.generator.autoencoding, steps=2), "gates": gates}
    brief["diffusion"] = dataclasses.replace(smoke.base.generator.diffusion, steps=2)
    base = dataclasses.replace(study().base, generator=dataclasses.replace(smoke.base.generator, **brief))
    summary, _ = run(study(base=base, seeds=(0,)), tmp_path)
    assert summary["causes"]["one_shot"]["n"] == 3
    sampled, unsampled = (read_tensors(path)[0]["rows"] for path in (tmp_path / "store" / "generated").iterdir())
    assert not torch.allclose(sampled, unsampled)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("backdoor.target=10", "classes 0 to 9"),
        ('backdoor.trigger={"kind": "patch", "size": 9}', "exceeds 8×8"),
        ('base.strategy.keep=["layer9.*"]', r"layer9\.\*"),
    ],
)
def test_what_cannot_be_is_found_before_anything_is_trained(tmp_path, change, told):
    with pytest.raises(BadSetting, match=told):
        run(changed(study(), [change]), tmp_path)
    assert not (tmp_path / "store").exists()


def test_patterns_and_fractions_of_the_trigger_are_fields():
    chosen = changed(study(), ["backdoor.fraction=0.2", "backdoor.trigger.pattern=chequer", "backdoor.target=3"])
    assert (chosen.backdoor.fraction, chosen.backdoor.target) == (0.2, 3)
    assert chosen.backdoor.trigger == Patch(pattern="chequer")
    blended = changed(study(), ['backdoor.trigger={"kind": "blend", "opacity": 0.3}'])
    assert blended.backdoor.trigger.opacity == 0.3
