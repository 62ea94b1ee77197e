"""Plain gradient descent: the same numbers as an optimiser's, a trace that tells them, and its limits."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from methods.attacks.goals import Targeted, Untargeted
from methods.attacks.measuring import measure
from methods.attacks.plain_gradient import PlainGradient
from tests.methods.attacks.victims import Linear, trained, unseen


def by_optimiser(model, x, label, target, *, epsilon, lr, steps):
    """One image, with torch's SGD; the losses before each step, and the end."""
    delta = torch.zeros_like(x, requires_grad=True)
    optimiser, losses = torch.optim.SGD([delta], lr=lr), []
    for _ in range(steps):
        logits = model((x + delta)[None])
        loss = -cross_entropy(logits, label[None])
        if target is not None:
            loss = loss + cross_entropy(logits, target[None])
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            delta.clamp_(-epsilon, epsilon)
            delta.copy_((x + delta).clamp(0, 1) - x)
    return torch.tensor(losses, dtype=torch.float64), (x + delta).detach()


@pytest.mark.parametrize("targeted", [False, True])
def test_the_trace_is_that_of_plain_sgd(targeted):
    model = copy.deepcopy(trained()).double()
    images, labels = unseen(5)
    images, targets = images.double(), (labels + 3) % 10
    attack = PlainGradient(epsilon=0.1)
    goal = Targeted(labels, targets) if targeted else Untargeted(labels)
    moments = list(attack.trace(model, images, goal, every=10 if targeted else 5))
    assert [moment.step for moment in moments] == (list(range(0, 101, 10)) if targeted else list(range(0, 31, 5)))
    for at in range(5):
        losses, end = by_optimiser(
            *(model, images[at], labels[at], targets[at] if targeted else None),
            epsilon=0.1,
            lr=5e-3 if targeted else 0.1,
            steps=100 if targeted else 30,
        )
        told = torch.stack([moment.loss[at] for moment in moments[:-1]])
        assert torch.allclose(told, losses[:: 10 if targeted else 5], atol=1e-9)
        assert torch.allclose(moments[-1].images[at], end, atol=1e-12)
    last = moments[-1]
    likely = model(last.images).softmax(1)
    assert torch.allclose(last.true_probability, likely[torch.arange(5), labels])
    assert torch.allclose(last.probability, likely.max(1).values)
    assert torch.equal(last.prediction, likely.argmax(1))
    assert (last.loss < moments[0].loss).all()


def test_the_call_returns_the_first_success_of_the_same_descent():
    model = copy.deepcopy(trained()).double()
    images, labels = unseen(40)
    images, attack = images.double(), PlainGradient(epsilon=0.15)
    moments = list(attack.trace(model, images, Untargeted(labels), every=1))
    wrong = torch.stack([moment.prediction != labels for moment in moments])
    found = measure(attack, model, images, Untargeted(labels), seeds=torch.arange(40))
    assert torch.equal(found.success, wrong.any(0))
    assert found.success.any()
    first = wrong.long().argmax(0)
    for at in found.success.nonzero()[:, 0]:
        assert torch.allclose(found.images[at], moments[first[at]].images[at], atol=1e-12)
    assert torch.equal(found.backwards[found.success], first[found.success].clamp(max=29) + 1)


@pytest.mark.parametrize("epsilon", [2 / 255, 0.1])
def test_cube_and_box_are_kept(epsilon):
    images, labels = unseen(30)
    images = images.double()
    for moment in PlainGradient(epsilon=epsilon).trace(copy.deepcopy(trained()).double(), images, Untargeted(labels)):
        assert (moment.images - images).abs().max() <= epsilon + 1e-12
        assert moment.images.min() >= 0
        assert moment.images.max() <= 1


def test_a_planted_example_is_found_and_nothing_else_moves():
    weight = torch.zeros(2, 16, dtype=torch.float64)
    weight[1, 3] = 50.0
    model = Linear(weight, torch.tensor([0.2, -25.0], dtype=torch.float64)).eval()
    images = torch.full((2, 1, 4, 4), 0.5, dtype=torch.float64)
    found = measure(PlainGradient(), model, images, Untargeted(torch.zeros(2).long()), seeds=torch.arange(2))
    assert found.success.all()
    assert (found.l0 == 1).all()
    assert (found.linf <= 2 / 255 + 1e-12).all()
