"""Attacks of other libraries stand in the same table; where both have an attack, they agree image by image."""

import importlib.util
import sys

import pytest
import torch

from methods.attacks.fgsm import Fgsm
from methods.attacks.goals import Targeted, Untargeted
from methods.attacks.measuring import measure
from methods.attacks.pgd import Pgd
from methods.errors import BadSetting
from tasks.robustness.adapters.libraries import DISTRIBUTIONS, LibraryAttack
from tests.methods.attacks.victims import trained, unseen

FGSM = {
    "foolbox": LibraryAttack(package="foolbox", attack="LinfFastGradientAttack", epsilon=0.1),
    "art": LibraryAttack(package="art", attack="FastGradientMethod", settings={"eps": 0.1}),
    "torchattacks": LibraryAttack(package="torchattacks", attack="FGSM", settings={"eps": 0.1}),
}
STEPS = {"foolbox": {"rel_stepsize": 0.1, "steps": 40, "random_start": False}}
STEPS["art"] = {"eps": 0.1, "eps_step": 0.01, "max_iter": 40, "verbose": False}
STEPS["torchattacks"] = {"eps": 0.1, "alpha": 0.01, "steps": 40, "random_start": False}
PGD = {
    "foolbox": LibraryAttack(package="foolbox", attack="LinfPGD", settings=STEPS["foolbox"], epsilon=0.1),
    "art": LibraryAttack(package="art", attack="ProjectedGradientDescent", settings=STEPS["art"]),
    "torchattacks": LibraryAttack(package="torchattacks", attack="PGD", settings=STEPS["torchattacks"]),
}


def installed(library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{DISTRIBUTIONS[library]} is not installed")


@pytest.mark.parametrize("library", DISTRIBUTIONS)
@pytest.mark.parametrize("targeted", [False, True])
def test_success_agrees_with_other_libraries(library, targeted):
    installed(library)
    images, labels = unseen(200)
    goal = Targeted(labels, (labels + 1) % 10) if targeted else Untargeted(labels)
    seeds = torch.arange(200)
    pairs = [(Pgd(epsilon=0.1, steps=40, step_size=0.1, random_start=False), PGD[library])]
    if not (library == "foolbox" and targeted):  # which knows no targeted FGSM
        pairs.append((Fgsm(epsilon=0.1), FGSM[library]))
    for ours, theirs in pairs:
        found = [measure(each, trained(), images, goal, seeds=seeds) for each in (ours, theirs)]
        assert torch.equal(found[0].success, found[1].success)
        assert found[0].backwards.mean() <= found[1].backwards.mean()


@pytest.mark.parametrize("library", DISTRIBUTIONS)
def test_what_a_library_does_not_know_is_refused(library):
    installed(library)
    images, labels = unseen(4)
    for unknown in (
        LibraryAttack(package=library, attack="NoSuchAttack"),
        LibraryAttack(package=library, attack=PGD[library].attack, settings={"no_such_setting": 1}, epsilon=0.1),
    ):
        with pytest.raises(BadSetting, match="cannot run"):
            measure(unknown, trained(), images, Untargeted(labels), seeds=torch.arange(4))


@pytest.mark.parametrize("library", DISTRIBUTIONS)
def test_a_library_that_is_missing_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    images, labels = unseen(4)
    with pytest.raises(BadSetting, match=f"{DISTRIBUTIONS[library]} is not installed"):
        measure(PGD[library], trained(), images, Untargeted(labels), seeds=torch.arange(4))
