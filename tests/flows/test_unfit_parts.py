"""Learnt parts other than generators that fall short: their studies go through, and say which part has no numbers."""

import dataclasses

import pytest
import torch

import methods.defences.distillation
import tasks.invertibility.nuisance
import tasks.protection.backdoor_training
import tasks.protection.train_inpainter
import tasks.robustness.tutorial
import tasks.transplant.recipients
import tasks.unseen.fit_across
import tasks.unseen.held_out_rows
from flows.studies import resolve
from flows.studies.robustness import attack_and_compare
from methods.attacks.fgsm import Fgsm
from methods.errors import Diverged, NotInvertible
from methods.generation.unit_diffusion import UnitDiffusion
from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from storage import datasets
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.tutorial import Tutorial
from tests.contexts import forbidden
from tests.flows.test_image_protection import run as protected
from tests.flows.test_image_protection import study as of_protection
from tests.flows.test_invertibility import run as inverted
from tests.flows.test_invertibility import study as of_inverses
from tests.flows.test_transplant import run as transplanted
from tests.flows.test_transplant import study as of_transplants
from tests.flows.test_unfit import base_of, plainly, shown
from tests.flows.test_unseen import HELD_OUT


def diverge(*arguments, **named):
    raise Diverged(problem="the loss became nan by step 3 of 5", remedy="lower the learning rate", step=3)


def test_a_generator_for_networks_never_seen(tmp_path, as_summary, monkeypatch):
    monkeypatch.setattr(UnitDiffusion, "fit", diverge)
    summary, details = transplanted(of_transplants(held_out=HELD_OUT, seeds=(0,)), tmp_path)
    for found in (summary["held_out"], *summary["held_out_facts"]["per_seed"].values()):
        missing = {name for name, told in found.items() if "unfit" in told}
        assert missing == {"generator", "generator_mean"}
        assert found["baseline_linear_readout"]["n"] >= 1
    assert summary["held_out"]["real_snapshots"]["n"] == 6
    (record,) = summary["unfit"]
    assert record["part"] == "unit_diffusion"
    assert "The generator for networks never seen is unfit on seed 0: the loss became nan" in summary["verdict"]
    shown(as_summary("transplant", summary), details, tmp_path / "run")

    monkeypatch.setattr(
        tasks.unseen.fit_across, "fit_one", forbidden(tasks.unseen.fit_across.fit_one)
    )  # a job that calls it fails
    assert transplanted(of_transplants(held_out=HELD_OUT, seeds=(0,)), tmp_path)[0] == summary


def test_rows_that_are_not_finite_for_one_network(tmp_path, as_summary, monkeypatch):
    usual = tasks.unseen.held_out_rows.MAKERS["generator"]

    def broken(worker_context, source, recipient, seed, on_step):
        rows = usual(worker_context, source, recipient, seed, on_step)
        return rows * float("nan") if recipient.seed == 21 else rows

    monkeypatch.setitem(tasks.unseen.held_out_rows.MAKERS, "generator", broken)
    summary, details = transplanted(of_transplants(held_out=HELD_OUT, seeds=(0,)), tmp_path)
    assert summary["held_out"]["generator"]["n"] == 3
    assert "unfit" in summary["held_out_facts"]["per_seed"]["21"]["generator"]
    assert summary["held_out_facts"]["spread_ratio"] > 0
    assert "unfit on seed 21" in summary["verdict"]
    assert "Nothing can be concluded" in summary["verdict"]  # networks this small are at chance level
    shown(as_summary("transplant", summary), details, tmp_path / "run")


@pytest.mark.parametrize("which", ["teacher", "student"])
def test_defences_that_diverge(which, tmp_path, as_summary, monkeypatch):
    monkeypatch.setattr(methods.defences.distillation.Distillation, which, diverge)
    smoke = resolve("robustness", "smoke")
    fields = {"attacks": (Attempt(attack=Fgsm()),), "masking_images": 4, "tutorial": None, "generated": None}
    chosen = dataclasses.replace(smoke, base=base_of(smoke), images=10, seeds=(3,), **fields)
    summary, details = plainly(chosen, attack_and_compare, tmp_path)
    unfit = {name for name, model in summary["models"].items() if "unfit" in model}
    assert unfit == {"teacher": {"distillation_teacher", "distilled"}, "student": {"distilled"}}[which]
    assert {"undefended", "adversarially_trained"} <= set(summary["models"]) - unfit
    assert len(summary["unfit"]) == 1
    assert "distilled is unfit on seed 3: the loss became nan" in summary["verdict"]
    shown(as_summary("robustness", summary), details, tmp_path / "run")


def test_a_tutorial_without_an_image_that_is_classified_correctly(tmp_path, as_summary, monkeypatch):
    smoke = resolve("robustness", "smoke")
    fields = {"attacks": (Attempt(attack=Fgsm()),), "masking_images": 4, "generated": None, "defences": ()}
    chosen = dataclasses.replace(smoke, base=base_of(smoke), images=10, seeds=(3,), tutorial=Tutorial(), **fields)
    splits = datasets.load(chosen.data, home=tmp_path)
    zeros = dataclasses.replace(splits.test, labels=splits.test.labels * 0)
    monkeypatch.setattr(datasets, "load", lambda *_, **__: dataclasses.replace(splits, test=zeros))
    monkeypatch.setattr(
        tasks.robustness.tutorial, "classifier", lambda *_: lambda images: torch.eye(10)[1].expand(len(images), 10)
    )
    summary, details = plainly(chosen, attack_and_compare, tmp_path)
    assert "tutorial" not in summary
    assert [record["part"] for record in summary["unfit"]] == ["tutorial"]
    assert summary["models"]["undefended"]["attacks"]["fgsm_linf"]["n"] == 10
    assert "right about none of 100 images" in shown(as_summary("robustness", summary), details, tmp_path / "run")


def test_a_loss_that_diverges_and_a_network_without_an_inverse(tmp_path, as_summary, monkeypatch):
    monkeypatch.setattr(IndependenceCrossEntropy, "__call__", diverge)
    usual = tasks.invertibility.nuisance.inverse_errors
    read = []

    def explode(network, images):
        read.append(network)
        if len(read) == 1:
            raise NotInvertible(problem="the inverse of 3 of 60 codes is not finite in float64")
        return usual(network, images)

    monkeypatch.setattr(tasks.invertibility.nuisance, "inverse_errors", explode)
    summary, details = inverted(of_inverses(), tmp_path)
    first = summary["unfit"][-1]
    assert "not finite in float64" in first["problem"]
    told = summary["losses"][first["part"]]
    assert [one["seed"] for one in told["per_seed"]] == [1 - first["seed"]]
    assert set(told["shift"]) == {"binary", "textured"}
    lost = [name for name, each in summary["losses"].items() if each.get("verdict") == "unfit"]
    assert "ice" in lost
    assert "ce" not in lost
    assert "ice is unfit on seed 0: the loss became nan" in summary["verdict"]
    page = shown(as_summary("invertibility", summary), details, tmp_path / "run")
    assert "not finite in float64" in page


def test_all_losses_diverge(tmp_path, as_summary, monkeypatch):
    for loss in (IndependenceCrossEntropy, CrossEntropy):
        monkeypatch.setattr(loss, "__call__", diverge)
    summary, details = inverted(of_inverses(seeds=(0,)), tmp_path)
    assert {each["verdict"] for each in summary["losses"].values()} == {"unfit"}
    assert summary["verdict"].endswith("Nothing was measured.")
    shown(as_summary("invertibility", summary), details, tmp_path / "run")


def test_a_backdoor_whose_training_diverges(tmp_path, as_summary, monkeypatch):
    monkeypatch.setattr(tasks.protection.backdoor_training, "train_inpainter", diverge)
    summary, details = protected(of_protection(), tmp_path)
    assert summary["methods"]["training_time"]["verdict"] == "unfit"
    assert summary["backdoor"] == {}
    assert summary["methods"]["runtime_pgd"]["n"] > 0
    assert "The inpainter implanted is unfit on seed 0: the loss became nan" in summary["verdict"]
    shown(as_summary("image_protection", summary), details, tmp_path / "run")


def test_a_variant_that_diverges(tmp_path, as_summary, monkeypatch):
    chosen = of_protection()
    usual = tasks.protection.train_inpainter.train_inpainter
    trained = []

    def second(*arguments, **named):
        trained.append(1)
        return diverge() if len(trained) == 2 else usual(*arguments, **named)

    monkeypatch.setattr(tasks.protection.train_inpainter, "train_inpainter", second)
    summary, details = protected(chosen, tmp_path)
    lost = [name for name, told in summary["inpainters"].items() if "unfit" in told]
    assert len(lost) == 1
    assert lost[0] != summary["subject"]
    assert f"The inpainter {lost[0]} is unfit" in summary["verdict"]
    shown(as_summary("image_protection", summary), details, tmp_path / "run")


@pytest.mark.parametrize("which", ["independent", "badnets", "fine_tuned"])
def test_recipients_that_diverge(which, tmp_path, as_summary, monkeypatch):
    usual, chosen = tasks.transplant.recipients.train_recipient, of_transplants(held_out=None, seeds=(0,))

    def train(worker_context, name, *arguments, **named):
        with pytest.MonkeyPatch.context() as patched:
            if name == which:
                patched.setattr(tasks.transplant.recipients, "train_one", diverge)
            usual(worker_context, name, *arguments, **named)

    monkeypatch.setattr(tasks.transplant.recipients, "train_recipient", train)
    if which == "fine_tuned":
        rate = dataclasses.replace(of_transplants().fine_tuning.training, learning_rate=1e9)
        chosen = dataclasses.replace(chosen, fine_tuning=dataclasses.replace(chosen.fine_tuning, training=rate))
    summary, details = transplanted(chosen, tmp_path)
    assert f"The network {which} is unfit" in summary["verdict"]
    assert summary["recipients"]["source"]["clean_accuracy"] >= 0
    assert summary["transplants"]["source"]["generated"]["as_is"]["n"] == 3
    lost = {name for name, told in summary["recipients"].items() if "unfit" in told}
    assert lost == {which} - {"fine_tuned"}
    assert ("unfit" in summary["fine_tuning"]) == (which != "independent")
    assert ("unfit" in summary["causes"]["unaligned"]) == (which == "independent")
    shown(as_summary("transplant", summary), details, tmp_path / "run")
