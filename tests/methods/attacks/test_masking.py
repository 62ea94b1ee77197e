import dataclasses

import pytest
import torch

from methods.attacks.masking import diagnose, judged
from methods.attacks.pgd import Pgd
from methods.errors import BadData, BadSetting
from tests.methods.attacks.test_square import Rounded
from tests.methods.attacks.victims import Constant
from tests.methods.defences.defended import DEFENCES, build, defended, mixed, same, unseen_by_all


@pytest.fixture(scope="module", params=DEFENCES)
def found(request):
    images, labels = unseen_by_all(120)
    masking = diagnose(defended(request.param).network, images, labels, seeds=torch.arange(120), queries=300)
    return request.param, masking


def test_only_the_distilled_network_is_said_to_hide_its_gradients(found):
    name, masking = found
    assert masking.masked == (name == "distillation_t100"), masking
    assert (masking.broken_by is not None) == masking.masked
    if masking.masked:
        assert masking.broken_by == "apgd_t_linf"
        assert "apgd_t_linf, which breaks" in masking.verdict
        assert "exactly zero" in masking.verdict
    else:
        assert masking.verdict.startswith("No sign")


def test_the_numbers_are_those_measured_elsewhere(found):
    """At ε = 0.1, distilled: FGSM and PGD .033, PGD on logits/100 .883, zero gradient on .97; undefended .743, .890."""
    name, masking = found
    assert masking.samples > 100
    if name == "distillation_t100":
        assert masking.fgsm < 0.15
        assert masking.pgd < 0.15
        assert masking.doubled < 0.15
        assert masking.unbounded < 0.3
        assert masking.hot > 0.75
        assert masking.margin > 0.75
        assert masking.zero_gradient_share > 0.8
    else:
        assert masking.zero_gradient_share == 0
        assert masking.unbounded > 0.98
        assert masking.square <= masking.pgd + 0.02
        assert masking.noise < masking.fgsm
        assert masking.fgsm <= masking.pgd + 0.02
        assert (masking.pgd > 0.7) == (name == "undefended")


@pytest.mark.parametrize(
    ("clean", "pgd", "strongest"), [(0.8703, 0.5329, 0.4925), (0.8492, 0.5643, 0.5308)], ids=["Engstrom", "TRADES"]
)
def test_honest_networks_of_the_literature_are_not_accused(clean, pgd, strongest):
    """Robust accuracies published for CIFAR-10 at ε = 8/255, with PGD and with AutoAttack; on any number of samples."""
    weaker, stronger = 1 - pgd / clean, 1 - strongest / clean
    success = dict.fromkeys(("fgsm", "hot", "square", "noise"), 0.3) | {"pgd": weaker, "doubled": weaker}
    success |= {"margin": stronger, "cw": stronger, "unbounded": 1.0}
    for samples in (100, 1_000, 10_000):
        assert not judged(samples, 8 / 255, 0.0, success, {name: name for name in success}).masked


def test_the_teacher_alone_hides_as_much():
    images, labels = mixed()
    teacher = DEFENCES["distillation_t100"].teacher(build, images[:1200], labels[:1200], augment=same, seed=0)
    images, labels = unseen_by_all(80)
    masking = diagnose(teacher.network, images, labels, seeds=torch.arange(80), queries=50, steps=20)
    assert masking.masked
    assert masking.zero_gradient_share > 0.7


def test_a_classifier_without_any_gradient_is_broken_by_one_that_needs_none():
    images, labels = unseen_by_all(60)
    masking = diagnose(Rounded().eval(), images, labels, seeds=torch.arange(60), queries=300, steps=5)
    assert masking.zero_gradient_share == 1
    assert masking.broken_by == "square_linf"


def test_what_nothing_breaks_is_flagged_without_a_name():
    images = unseen_by_all(30)[0]
    zeros = torch.zeros(30, dtype=torch.int64)
    masking = diagnose(Constant().eval(), images, zeros, seeds=zeros, queries=20, steps=3)
    assert masking.masked
    assert masking.broken_by is None
    assert "None of the attacks" in masking.verdict


def test_any_attack_may_stand_for_the_margin_and_counts_within_epsilon():
    images, labels = unseen_by_all(40)
    network, seeds = defended("undefended").network, torch.arange(40)
    common = {"seeds": seeds, "queries": 20, "steps": 10}
    far = Pgd(norm="l2", epsilon=6.0)
    masking = diagnose(network, images, labels, margin=far, **common)
    assert masking.margin < 0.2  # nearly all of its images lie outside
    near = diagnose(network, images, labels, margin=dataclasses.replace(far, norm="linf", epsilon=0.1), **common)
    assert near.margin > 0.5


def test_a_classifier_that_is_never_right_or_in_train_mode_is_refused():
    images, labels = unseen_by_all(10)
    network = defended("undefended").network
    wrong = (network(images).argmax(1) + 1) % 10
    with pytest.raises(BadData, match="right on none"):
        diagnose(network, images, wrong, seeds=labels)
    with pytest.raises(BadSetting, match="train mode"):
        diagnose(Rounded().train(), images, labels, seeds=labels)
