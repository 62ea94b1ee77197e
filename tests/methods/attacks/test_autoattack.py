import torch

from methods.attacks.autoattack import AutoAttack
from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure
from tests.methods.attacks.test_square import Rounded
from tests.methods.attacks.victims import trained, unseen


def test_each_part_sees_what_the_ones_before_have_left():
    images, labels = unseen(80)
    goal, seeds = Untargeted(labels), torch.arange(80)
    attack = AutoAttack(epsilon=0.06, steps=15, classes=3, queries=60)
    whole = measure(attack, trained(), images, goal, seeds=seeds)
    parts = [measure(part, trained(), images, goal, seeds=seeds) for part in attack.parts()]
    first = parts[0].success
    assert torch.equal(whole.success, parts[0].success | parts[1].success | parts[2].success)
    assert 10 < first.sum() < whole.success.sum() < 80
    assert torch.equal(whole.images[first], parts[0].images[first])
    assert torch.equal(whole.forwards[first], parts[0].forwards[first] + 1)
    unbroken = ~whole.success
    spent = sum(part.forwards for part in parts) + len(parts)
    assert torch.equal(whole.forwards[unbroken], spent[unbroken])


def test_a_classifier_without_gradients_falls_to_the_last_part():
    images, labels = unseen(30)
    attack = AutoAttack(steps=5, classes=1, queries=200)
    found = measure(attack, Rounded().eval(), images, Untargeted(labels), seeds=torch.arange(30))
    assert found.success.double().mean() > 0.5
