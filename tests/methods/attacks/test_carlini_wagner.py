"""Carlini and Wagner's attacks against closed forms."""

import pytest
import torch

from methods.attacks.carlini_wagner.boxes import BOXES
from methods.attacks.carlini_wagner.l0 import CarliniWagnerL0
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.carlini_wagner.linf import CarliniWagnerLinf
from methods.attacks.carlini_wagner.objectives import OBJECTIVES
from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure, predict
from methods.errors import BadSetting
from tests.methods.attacks.victims import grey, linear, trained, unseen


@pytest.fixture(scope="module")
def line():
    """Two classes, and images whose way to the other one never comes near the box."""
    model = linear(classes=2).requires_grad_(False)
    model.bias[0] += 5
    x = grey(20)
    weight = model.weight[1] - model.weight[0]
    logits = model(x)
    return model, x, logits[:, 0] - logits[:, 1], weight


def attacked(attack, line):
    model, x, margin, _ = line
    assert (margin > 0).all()
    found = measure(attack, model, x, Untargeted(torch.zeros(20, dtype=torch.int64)), seeds=torch.arange(20))
    assert found.success.all()
    return found


@pytest.mark.parametrize("box", BOXES)
def test_l2_comes_within_two_percent_of_the_closed_form(line, box):
    ratio = attacked(CarliniWagnerL2(steps=400, learning_rate=0.01, box=box), line).l2 / (line[2] / line[3].norm())
    assert ratio.min() >= 1
    assert ratio.max() <= 1.02


def test_linf_comes_within_twelve_percent_of_the_closed_form(line):
    ratio = attacked(CarliniWagnerLinf(), line).linf / (line[2] / line[3].abs().sum())
    assert ratio.min() >= 1
    assert ratio.max() <= 1.12


@pytest.mark.parametrize(("attack", "order"), [(CarliniWagnerL2(), 2), (CarliniWagnerLinf(), 1)])
def test_among_four_classes_most_images_come_as_close(attack, order):
    """Which of three classes is nearest is not convex: a few descents end at another, a third further away."""
    model, x = linear().requires_grad_(False), grey(40)
    logits = model(x)
    labels = logits.argmax(1)
    away = (model.weight[None] - model.weight[labels][:, None]).norm(p=order, dim=2)
    gap = logits.gather(1, labels[:, None]) - logits
    exact = torch.where(gap > 0, gap / away, float("inf")).amin(1)
    found = measure(attack, model, x, Untargeted(labels), seeds=torch.arange(40))
    assert found.success.all()
    ratio = (found.linf if order == 1 else found.l2) / exact
    assert ratio.min() >= 1
    assert ratio.median() <= 1.02
    assert ratio.mean() <= 1.06


def test_l0_is_at_most_one_pixel_above_the_exact_count(line):
    _, x, margin, weight = line
    room = torch.where(weight > 0, 1 - x.flatten(1), x.flatten(1))
    gains = (weight.abs() * room).sort(1, descending=True).values.cumsum(1)
    exact = (gains <= margin[:, None]).sum(1) + 1
    over = attacked(CarliniWagnerL0(), line).l0 - exact
    assert over.min() >= 0
    assert over.max() <= 1


@pytest.mark.parametrize("attack", [CarliniWagnerL2, CarliniWagnerL0, CarliniWagnerLinf])
def test_the_confidence_is_reached(attack):
    x, labels = unseen(10)
    found = measure(attack(confidence=2.0, steps=50), trained(), x, Untargeted(labels), seeds=torch.arange(10))
    assert found.success.sum() >= 8
    margin = Untargeted(labels).margin(predict(trained(), found.images))
    assert (margin[found.success] <= -2 + 1e-4).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_reaches_the_goal(objective):
    x, labels = unseen(20)
    attack = CarliniWagnerL2(steps=50, objective=objective)
    assert measure(attack, trained(), x, Untargeted(labels), seeds=torch.arange(20)).success.all()


def test_saturated_pixels_move_and_those_without_influence_stay():
    model = linear(classes=2).requires_grad_(False)
    model.weight[:, 18:] = 0
    model.bias[:] = -model.weight.sum(1) / 2
    x = (model.weight[0] > model.weight[1]).double().view(1, 1, 6, 6)
    found = measure(CarliniWagnerL2(), model, x, Untargeted(torch.tensor([0])), seeds=torch.arange(1))
    assert found.success.all()
    moved = (found.images != x).flatten()
    assert moved[:18].sum() > 9
    assert not moved[18:].any()


def test_a_confidence_is_refused_where_it_has_no_meaning():
    with pytest.raises(BadSetting, match="confidence"):
        CarliniWagnerL2(objective="f4", confidence=1.0)
