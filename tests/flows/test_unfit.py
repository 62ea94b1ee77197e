"""Studies whose generator is unfit, on one of two networks or on both: everything else is there, and it says so."""

import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import tasks.generation.fit
from flows.publish import children
from flows.report.page import build
from flows.report.table import markdown, render
from flows.studies import changed, resolve
from flows.studies.ablations import Ablations, Cell, run_cells
from flows.studies.robustness import Siblings, attack_and_compare
from flows.studies.strategies import compare_strategies
from flows.studies.transplant import transplant_and_compare
from methods.attacks.fgsm import Fgsm
from methods.collection.strategy import LastPhase, Training
from methods.errors import BadSetting, Diverged, GateFailed
from methods.generation import latent_ddpm
from models import CifarResNet
from storage import datasets
from storage.formats import read_json
from storage.tracking.runs import log_run
from tasks.exchange.export_models import models_of
from tasks.generation.summarise_ablations import summarise_cells
from tasks.robustness.attack_configs import Attempt
from tasks.runtime.run import Run
from tasks.transplant.fine_tune import FineTuning
from tests.benches.plain import run_plainly
from tests.contexts import forbidden, inline

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
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
    "generator.gates.accuracy_margin=1",
    "generator.gates.latent_scale=1000",
    "samples=4",
    "seeds=[3, 5]",
)
OPEN = [setting for setting in SMALL if setting.startswith("generator.")]
CLOSED = "generator.gates.overfit_mse=1e-30", "generator.gates.overfit_steps=1"
"""A gate that nothing passes."""


@pytest.fixture
def closed_to(monkeypatch):
    """Closes the gate of the latent scale to the networks that are fitted in these places of the order."""

    def close(*places: int) -> list[int]:
        fitted: list[int] = []
        usual = latent_ddpm.scale_gate

        def gate(whitened, limits):
            fitted.append(len(fitted))
            if fitted[-1] in places:
                message = "gate latent_scale failed: the scale is 97, the limit 4"
                raise GateFailed(problem=message, remedy="r", gate="latent_scale", value=97.0, limit=4.0, meaning="m")
            return usual(whitened, limits)

        monkeypatch.setattr(latent_ddpm, "scale_gate", gate)
        return fitted

    return close


def problems(summary):
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(summary)]


def shown(summary, details, folder: Path) -> str:
    """The page of a run with these files; the tables and the entries of MLflow are made, too."""
    folder.mkdir(parents=True)
    for name, content in {"summary": summary, "details": details, "config": {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    assert problems(summary) == []
    assert render(summary)
    assert list(children(summary))
    page = build(folder).read_text().replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
    assert summary["verdict"] in page
    return page


def test_one_of_two_networks(closed_to, tmp_path, as_summary):
    closed_to(1)
    summary, details = run_plainly(resolve("parameter_diffusion", "smoke", SMALL), tmp_path)
    assert summary["verdict"].startswith("The generator is unfit on seed 5: latent_scale 97, allowed is 0.25 to 4")
    assert "passed before: autoencoder_overfit, variance_kept, reconstruction, latent_noise" in summary["verdict"]
    assert "Nothing can be concluded" in summary["verdict"]  # networks this small are at chance level
    assert {name: summary["generated"][name]["n"] for name in ("latent_ddpm", "noise_matched", "gaussian")} == {
        "latent_ddpm": 4,
        "noise_matched": 4,
        "gaussian": 8,
    }
    assert "unfit" not in summary["per_seed"]["3"]["generated"]["latent_ddpm"]
    missing = summary["per_seed"]["5"]["generated"]
    assert {name for name, each in missing.items() if each.get("verdict") == "unfit"} == {
        "latent_ddpm",
        "reconstruct",
        "reconstruct_noisy",
        "noise_matched",
    }
    assert missing["latent_ddpm"]["unfit"]["seed"] == 5
    (record,) = summary["unfit"]
    assert (record["part"], record["seed"], record["gate"], record["value"], record["limit"]) == (
        "latent_ddpm",
        5,
        "latent_scale",
        97.0,
        4.0,
    )
    assert [each["gate"] for each in record["passed"]] == [
        "autoencoder_overfit",
        "variance_kept",
        "reconstruction",
        "latent_noise",
    ]
    assert summary["audit"]["latent_ddpm"]["verdict"] == "unfit"
    assert summary["audit"]["latent_ddpm"]["dispersion"] > 0
    assert not summary["gates"]["latent_scale"]["passed"]
    whole = as_summary("parameter_diffusion", summary)
    page = shown(whole, details, tmp_path / "run")
    assert "unfit on seed 5: latent_scale 97" in page
    assert "unfit on seed 5" in markdown(whole)
    assert log_run(tmp_path / "run", home=tmp_path, nightly=None)


def test_no_network_at_all_and_nothing_is_fitted_twice(tmp_path, as_summary, monkeypatch):
    chosen = resolve("parameter_diffusion", "smoke", (*SMALL, *CLOSED))
    summary, details = run_plainly(chosen, tmp_path)
    told = summary["generated"]["latent_ddpm"]
    assert told["verdict"] == "unfit"
    assert told["unfit"]["gate"] == "autoencoder_overfit"
    assert told["unfit"]["value"] > told["unfit"]["limit"] == 1e-30
    assert told["unfit_seeds"] == [3, 5]
    assert [record["seed"] for record in summary["unfit"]] == [3, 5]
    assert summary["audit"]["latent_ddpm"] == {"verdict": "unfit", "verdicts": ["unfit", "unfit"]}
    assert summary["generated"]["gaussian"]["n"] == 8
    assert summary["audit"]["gaussian"]["verdict"] != "unfit"
    assert "latent_ddpm" not in summary["differences"]
    whole = as_summary("parameter_diffusion", summary)
    page = shown(whole, details, tmp_path / "run")
    assert "The generator is unfit on seed 3: autoencoder_overfit" in page
    assert "seed 5: autoencoder_overfit" in page
    assert log_run(tmp_path / "run", home=tmp_path, nightly=None)

    monkeypatch.setattr(
        tasks.generation.fit, "fit_one", forbidden(tasks.generation.fit.fit_one)
    )  # a job that calls it fails
    assert run_plainly(chosen, tmp_path)[0] == summary


@pytest.mark.parametrize(
    ("where", "reason"), [("train_denoiser", "the loss of denoiser became nan"), ("draw_latents", "not finite")]
)
def test_divergence(where, reason, monkeypatch, tmp_path, as_summary):
    def diverge(denoiser, latents, *arguments, **named):
        if where == "draw_latents":
            return latents * float("nan")
        raise Diverged(problem="the loss of denoiser became nan by step 3 of 5", remedy="lower it", step=3)

    monkeypatch.setattr(latent_ddpm, where, diverge)
    summary, details = run_plainly(resolve("parameter_diffusion", "smoke", (*SMALL, "seeds=[3]")), tmp_path)
    record = summary["generated"]["latent_ddpm"]["unfit"]
    assert record["gate"] is None
    assert reason in record["problem"]
    assert reason in summary["verdict"]
    assert all(gate["passed"] for gate in summary["gates"].values())
    assert len(summary["gates"]) == 5
    assert ("accuracies" in summary["generated"]["reconstruct"]) == (where == "draw_latents")
    shown(as_summary("parameter_diffusion", summary), details, tmp_path / "run")


def plainly(study, body, home: Path):
    splits = datasets.load(study.data, home=home)
    run = Run(home=str(home), run_id="plain", preset="custom", seed=study.seed).bound(
        splits.digest, study.context_config
    )
    return body(study, inline(study.context_config, splits, run))


BRIEF = Training(epochs=2, learning_rate=0.05, batch_size=20)
PLACES = pytest.mark.parametrize("places", [(1,), (0, 1)], ids=["one of two", "all"])


def base_of(smoke):
    """Two networks of width 2, whose rows are their last norm and head; the gates are open."""
    strategy = LastPhase(keep=("layer4.1.bn2.*", "linear.*"), first=BRIEF, then=BRIEF, rows=10)
    base = changed(smoke.base, ["data.train_limit=100", "data.test_limit=40", *OPEN])
    return dataclasses.replace(base, network=CifarResNet(depth=18, width=2), strategy=strategy, samples=3)


@PLACES
def test_ablations(places, closed_to, tmp_path, as_summary):
    closed_to(*places)
    base = resolve("parameter_diffusion", "smoke", SMALL)
    chosen = Ablations(base=base, cells=(Cell(varied="base", value="as it is"),), seeds=(3, 5))

    def cells(study, context):
        return summarise_cells([read_json(ref.path) for ref in run_cells(study, context)]), {}

    summary, details = plainly(chosen, cells, tmp_path)
    (cell,) = summary["cells"]
    assert summary["failed_cells"] == []
    assert cell["verdict"] == "unfit"
    assert ("accuracies" in cell["generated"]) == (len(places) == 1)
    assert cell["baselines"]["gaussian"] > 0
    assert [record["seed"] for record in summary["unfit"]] == [(3, 5)[place] for place in places]
    assert "unfit: latent_ddpm, base = as it is (seed" in summary["verdict"]
    shown(as_summary("ablations", summary), details, tmp_path / "run")


@PLACES
def test_strategies(places, closed_to, tmp_path, as_summary):
    closed_to(*places)
    smoke = resolve("strategies", "smoke")
    strategies = (dataclasses.replace(smoke.strategies[0], first=BRIEF, then=BRIEF, rows=10),)
    chosen = dataclasses.replace(smoke, base=base_of(smoke), strategies=strategies, seeds=(3, 5))
    chosen = dataclasses.replace(chosen, fine_tuning=FineTuning(training=BRIEF, models=2))
    summary, details = plainly(chosen, compare_strategies, tmp_path)
    assert summary["failed_strategies"] == {}
    (told,) = summary["strategies"].values()
    assert told["collected_transplanted"]["n"] == 20
    for name in ("generated", "transplanted", "transplanted_as_is"):
        assert told[name].get("n") == (3 if len(places) == 1 else None)
    names = {each["name"] for each in told["backdoor"]["defences"]}
    assert ("generated aligned" in names) == (len(places) == 1)
    assert {"collected aligned", "fine_tuned"} <= names
    assert f"seed {(3, 5)[places[0]]}: latent_scale 97" in summary["verdict"]
    shown(as_summary("strategies", summary), details, tmp_path / "run")


@PLACES
def test_transplants(places, closed_to, tmp_path, as_summary):
    closed_to(*places)
    smoke = resolve("transplant", "smoke")
    chosen = dataclasses.replace(smoke, base=base_of(smoke), recipient=BRIEF, held_out=None, seeds=(3, 5))
    chosen = dataclasses.replace(chosen, fine_tuning=FineTuning(training=BRIEF, models=2))
    summary, details = plainly(chosen, transplant_and_compare, tmp_path)
    for sources in summary["transplants"].values():
        assert {told["n"] for told in sources["collected"].values()} == {20}
        for told in sources["generated"].values():
            assert told.get("n") == (3 if len(places) == 1 else None)
    causes = {told.get("n") for told in summary["causes"].values()}
    assert causes == {3 if len(places) == 1 else None}
    assert {"one_shot", "unaligned", "none"} < set(summary["causes"])
    assert summary["fine_tuning"]["n"] == 2
    assert f"unfit on seed {(3, 5)[places[0]]}: latent_scale 97" in summary["verdict"]
    whole = as_summary("transplant", summary)
    shown(whole, details, tmp_path / "run")
    if len(places) == 2:
        assert "| generated | as they are | 0 | unfit |" in markdown(whole)


@PLACES
def test_generated_siblings_under_attack_and_fits_shared_with_another_study(places, closed_to, tmp_path, as_summary):
    fitted = closed_to(*places)
    smoke = resolve("robustness", "smoke")
    attacks = (Attempt(attack=Fgsm()),)
    fields = {"defences": (), "attacks": attacks, "masking_images": None, "tutorial": None, "seeds": (3, 5)}
    siblings = Siblings(models=4, attacks=attacks)
    chosen = dataclasses.replace(smoke, base=base_of(smoke), generated=siblings, images=20, **fields)
    summary, details = plainly(chosen, attack_and_compare, tmp_path)
    models = summary["models"]
    assert models["collected"]["members"] == 4
    assert models["generated"].get("members") == (3 if len(places) == 1 else None)
    assert f"unfit on seed {(3, 5)[places[0]]}: latent_scale 97" in summary["verdict"]
    page = shown(as_summary("robustness", summary), details, tmp_path / "run")
    assert "latent_scale" in page

    count = len(fitted)
    assert count == 2
    other = resolve("transplant", "smoke")
    moved = dataclasses.replace(other, base=base_of(other), recipient=BRIEF, held_out=None, seeds=(3, 5))
    again, _ = plainly(moved, transplant_and_compare, tmp_path)
    assert len(fitted) == count
    assert again["unfit"] == summary["unfit"]


def test_export_says_why_there_are_no_rows(tmp_path, as_summary):
    chosen = resolve("parameter_diffusion", "smoke", (*SMALL, *CLOSED, "seeds=[3]"))
    summary, details = run_plainly(chosen, tmp_path)
    shown(as_summary("parameter_diffusion", summary), details, tmp_path / "run")
    assert len(models_of(tmp_path / "run", "gaussian", 3).accuracies) == 4
    with pytest.raises(BadSetting, match="latent_ddpm is unfit on it: autoencoder_overfit"):
        models_of(tmp_path / "run", "latent_ddpm", 3)
    with pytest.raises(BadSetting, match="of seed 9\n"):
        models_of(tmp_path / "run", "gaussian", 9)
