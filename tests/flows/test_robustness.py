"""The study of robustness by plain calls: whole, resumed, in other blocks, with a user's network, and its bad input."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator

from flows.report.page import build
from flows.studies import resolve
from flows.studies.robustness import Siblings, attack_and_compare
from methods.attacks.fgsm import Fgsm
from methods.attacks.pgd import Pgd
from methods.attacks.plain_gradient import PlainGradient
from methods.collection.strategy import LastPhase, Training
from methods.defences.distillation import Distillation
from methods.defences.supervised import Schedule
from methods.defences.undefended import Undefended
from methods.errors import BadSetting
from models import CifarResNet
from storage import datasets
from storage.attack_rows import SCHEMA, read_attack_rows
from tasks.robustness.adapters.libraries import LibraryAttack
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.models_under_test import OwnNetwork
from tasks.robustness.tutorial import Tutorial
from tasks.runtime.run import Run
from tests.contexts import inline

SCHEMA_OF_SUMMARIES = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
ATTACKS = (Attempt(attack=Fgsm()), Attempt(attack=Pgd(steps=3)), Attempt(attack=Pgd(steps=3), targeted=True))


def study(**fields):
    smoke = resolve("robustness", "smoke", ["base.data.train_limit=100", "base.data.test_limit=40"])
    training = Training(epochs=4, learning_rate=0.05, batch_size=20)
    strategy = LastPhase(keep=("linear.*",), first=training, then=training, rows=20)
    base = dataclasses.replace(smoke.base, network=CifarResNet(depth=18, width=2), strategy=strategy)
    usual = {"base": base, "attacks": ATTACKS, "defences": (), "generated": None, "masking_images": None}
    return dataclasses.replace(smoke, **usual | fields)


def run(chosen, home):
    splits = datasets.load(chosen.data, home=home)
    order = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed)
    order = order.bound(splits.digest, chosen.context_config)
    return attack_and_compare(chosen, inline(chosen.context_config, splits, order))


def tables(home):
    return sorted((home / "store" / "attacks").iterdir())


def rows(home):
    """All rows in one order, without their times."""
    table = read_attack_rows(tables(home))
    order = np.lexsort([table["sample"], table["attack"], table["member"], table["model"]])
    return {name: table[name][order].tolist() for name in SCHEMA.names if name != "seconds"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return home, *run(study(), home)


def test_the_summary_is_one_of_the_schema(ran, as_summary):
    _, summary, _ = ran
    whole = as_summary("robustness", summary)
    assert [error.message for error in Draft202012Validator(SCHEMA_OF_SUMMARIES).iter_errors(whole)] == []
    assert set(summary["models"]) == {"undefended"}
    assert set(summary["models"]["undefended"]["attacks"]) == {"fgsm_linf", "pgd_linf", "pgd_linf_targeted"}


def test_a_killed_run_continues_and_its_rows_are_those_of_an_uninterrupted_one(ran, tmp_path):
    home = ran[0]
    run(study(), tmp_path)
    left = tables(tmp_path)
    assert len(left) == 6  # three attacks, two blocks each
    kept = {path: path.stat().st_mtime_ns for path in left[::2]}
    for path in left[1::2]:
        path.unlink()
    run(study(), tmp_path)
    assert rows(tmp_path) == rows(home)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_other_blocks_give_the_same_rows(ran, tmp_path):
    home, _, _ = ran
    run(study(block=5), tmp_path)
    found, usual = rows(tmp_path), rows(home)
    same = ("model", "attack", "sample", "label", "target", "clean_prediction", "prediction", "success", "image_sha256")
    assert {name: found[name] for name in same} == {name: usual[name] for name in same}
    np.testing.assert_allclose(found["l2"], usual["l2"], atol=1e-4)


def test_defended_twins_and_siblings_stand_in_the_same_table(tmp_path):
    smoke = resolve("robustness", "smoke")
    siblings = Siblings(models=3, attacks=(Attempt(attack=Fgsm()),))
    control = Undefended(schedule=smoke.defences[0].schedule)
    whole = study(
        defences=(*smoke.defences, control), generated=siblings, attacks=ATTACKS[:1], seeds=(0, 1), masking_images=4
    )
    summary, details = run(whole, tmp_path)
    models = summary["models"]
    twins = {"undefended", "distillation_teacher", "distilled", "adversarially_trained", "plainly_trained"}
    assert set(models) == twins | {"generated", "collected", "mean"}
    assert [models[name]["members"] for name in ("generated", "collected", "mean")] == [3, 3, 2]
    assert all(models[name]["masking"]["verdict"] for name in twins)
    assert models["generated"]["masking"] is None
    folder = tmp_path / "runs" / "plain"
    common = {"study": "robustness", "preset": "smoke", "run_id": "plain", "seed": 0, "state": "completed"}
    common |= {"started": "2026-05-12T02:00:07+00:00", "seconds": 3.0, "stages": {"attack": 2.0}, "error": None}
    common |= {"environment": {"device": "cpu", "torch": "2", "dirty": False}, "config_hash": "c0" * 8}
    folder.mkdir(parents=True)
    for name, content in {"summary": common | summary, "details": details, "config": {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    page = build(folder).read_text()
    for name in models:
        assert name in page
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    assert drawn == {"siblings", *(f"gallery_{name}" for name in twins)}


def network():
    """A user's: linear, and sure that all is a one."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    return module.requires_grad_(False)


def test_a_users_network_stands_in_the_same_table(tmp_path):
    weights = tmp_path / "weights.pt"
    state = network().state_dict()
    torch.save(state | {"1.bias": torch.eye(10)[1] * 1e3}, weights)
    own = OwnNetwork(name="mine", network=f"{__name__}:network", weights=str(weights))
    summary, _ = run(study(own=(own,), attacks=ATTACKS[:1]), tmp_path)
    mine = summary["models"]["mine"]
    assert mine["attacks"]["fgsm_linf"]["success"] == 0  # no step of 0.1 outweighs 1,000
    assert mine["clean_accuracy"] < 0.5


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"network": "no_such_module:network"}, "cannot be made"),
        ({"network": "json:loads"}, "cannot be made"),
        ({"network": "torchvision:resnet18"}, "untrained"),
        ({"network": "torchvision:no_such_network", "weights": __file__}, "no_such_network"),
        ({"network": "torch.nn:Identity"}, "for 2 images of 10 classes"),
        ({"network": f"{__name__}:network", "weights": "nowhere.pt"}, "nowhere.pt"),
    ],
)
def test_a_network_that_cannot_be_used_is_named(tmp_path, fields, told):
    with pytest.raises(BadSetting, match=told):
        run(study(own=(OwnNetwork(name="mine", **fields),)), tmp_path)


def test_what_is_missing_is_found_before_anything_is_trained(tmp_path):
    gone = OwnNetwork(name="mine", network=f"{__name__}:network", weights="nowhere.pt")
    library = LibraryAttack(package="torchattacks", attack="FGSM")
    wanting = [{"own": (gone,)}, {"tutorial": Tutorial(weights="nowhere.pth")}]
    if importlib.util.find_spec("torchattacks") is None:
        wanting.append({"attacks": (Attempt(attack=library),)})
    for fields in wanting:
        with pytest.raises(BadSetting, match=r"nowhere|torchattacks"):
            run(study(**fields), tmp_path)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"attacks": (Attempt(attack=Pgd(epsilon=0.1)), Attempt(attack=Pgd(epsilon=0.2)))}, "pgd_linf"),
        ({"own": (OwnNetwork(name="mine", network="a:b"),) * 2}, "mine"),
        ({"own": (OwnNetwork(name="generated", network="a:b"),)}, "generated"),
        ({"own": (OwnNetwork(name="ResNet-50", network="a:b"),)}, "ResNet-50"),
        ({"defences": (Distillation(schedule=Schedule(epochs=1)),) * 2}, "distillation"),
    ],
)
def test_two_of_one_name_are_refused(fields, told):
    with pytest.raises(BadSetting, match=told):
        study(**fields)


def tutorial_of(told, home):
    """Its part of summary and details, and the page drawn from them."""
    chosen = study(attacks=ATTACKS[:1], tutorial=told)
    summary, details = run(chosen, home)
    folder = home / "runs" / "plain"
    common = {"study": "robustness", "preset": "tutorial", "run_id": "plain", "seed": 0, "state": "completed"}
    common |= {"started": "2026-05-12T02:00:07+00:00", "seconds": 3.0, "stages": {"attack": 2.0}, "error": None}
    common |= {"environment": {"device": "cpu", "torch": "2", "dirty": False}, "config_hash": "c0" * 8}
    folder.mkdir(parents=True)
    for name, content in {"summary": common | summary, "details": details, "config": {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return summary["tutorial"], details["tutorial"], build(folder).read_text()


def test_without_weights_the_studys_network_stands_in_and_that_is_said(tmp_path):
    small_steps = PlainGradient(epsilon=0.2, targeted_step_size=1e-4)
    told, details, page = tutorial_of(Tutorial(stand_in=small_steps), tmp_path)
    assert "stands in" in told["note"]
    assert "stands in" in page
    story = told["stories"]["untargeted"]
    assert [line["step"] for line in story["lines"]] == [*range(0, 31, 5)]
    aimed = told["stories"]["targeted"]["lines"]  # the loss of a network that is sure of a label is flat there
    assert aimed[-1]["loss"] < aimed[0]["loss"]
    assert story["before"][0]["class"] == told["label"]
    assert "pictures" not in story
    assert set(details["stories"]["targeted"]["pictures"]) == {"original", "adversarial"}


def test_a_photograph_and_a_network_of_torchvision(tmp_path):
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), tmp_path / "weights.pth")
    attack = PlainGradient(steps=5, targeted_steps=5)
    told, _, _ = tutorial_of(
        Tutorial(network="squeezenet1_1", weights=str(tmp_path / "weights.pth"), attack=attack), tmp_path
    )
    assert "squeezenet1_1" in told["note"]
    assert told["target"] == "airliner"
    assert [line["step"] for line in told["stories"]["targeted"]["lines"]] == [0, 5]
    assert len(told["stories"]["targeted"]["after"]) == 5


def test_weights_of_another_network_and_pickles_are_refused(tmp_path):
    for name, content in {"other.pt": {"weight": torch.zeros(2)}, "code.pt": {"run": print}}.items():
        torch.save(content, tmp_path / name)
        own = OwnNetwork(name="mine", network=f"{__name__}:network", weights=str(tmp_path / name))
        with pytest.raises(BadSetting, match=name):
            run(study(own=(own,)), tmp_path)
