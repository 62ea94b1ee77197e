"""The elastic-net attack against the exact optima on a linear classifier, and its rules against each other."""

import pytest
import torch
from scipy.optimize import brentq

from methods.attacks.elastic_net import ElasticNet
from methods.attacks.goals import Targeted, Untargeted
from methods.attacks.measuring import measure, predict
from methods.attacks.shortening import shorten
from tests.methods.attacks.victims import Linear, grey, linear, trained, unseen


def lacking(model, images, labels):
    """Of two classes: how far the other's logit is behind, and the weights that decide it."""
    logits = model(images).detach()
    weight = model.weight.detach()
    rows = torch.arange(len(images))
    return logits[rows, labels] - logits[rows, 1 - labels], (weight[1] - weight[0]).abs()


def elastic_optimum(weight, margin, beta):
    """min β‖δ‖₁ + ‖δ‖₂² with w·δ = m: δ = (λ|w| − β)⁺/2, soft thresholding, and λ from the one equation left."""
    change = lambda scale: (scale * weight - beta).clamp_min(0) / 2  # noqa: E731
    scale = brentq(lambda scale: float(weight @ change(scale)) - float(margin), 0, 1e4)
    delta = change(scale)
    return float(beta * delta.sum() + delta.square().sum())


@pytest.mark.parametrize("confidence", [0.0, 0.5])
@pytest.mark.parametrize("beta", [0.0, 1e-2, 0.1])
@pytest.mark.parametrize("momentum", [True, False])
def test_elastic_net_is_the_exact_optimum_on_a_linear_classifier(momentum, beta, confidence):
    model, images = linear(2), grey(40)
    labels = model(images).argmax(1)
    attack = ElasticNet(beta=beta, momentum=momentum, confidence=confidence)
    found = measure(attack, model, images, Untargeted(labels), seeds=torch.arange(40))
    margins, weight = lacking(model, images, labels)
    exact = torch.tensor([elastic_optimum(weight, margin + confidence, beta) for margin in margins])
    ratio = (found.l2.square() + beta * found.l1) / exact
    assert found.success.all()
    assert ratio.min() > 1 - 1e-9
    assert ratio.max() <= 1.02


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_the_scale_of_the_logits_is_found_by_the_search(scale):
    calm, images = linear(2), grey(40)
    labels = calm(images).argmax(1)
    model = Linear(scale * calm.weight.detach(), scale * calm.bias.detach()).eval()
    found = measure(ElasticNet(searches=10), model, images, Untargeted(labels), seeds=torch.arange(40))
    margins, weight = lacking(calm, images, labels)
    exact = torch.tensor([elastic_optimum(weight, margin, 0.01) for margin in margins])
    assert found.success.all()
    assert ((found.l2.square() + 0.01 * found.l1) / exact).mean() < 1.02


def test_the_l1_rule_comes_to_the_l1_optimum_on_a_linear_classifier():
    """m / max|w|: the one pixel that helps most."""
    model, images = linear(2), grey(40)
    labels = model(images).argmax(1)
    attack = ElasticNet(rule="l1", beta=2.0, steps=300, step_size=0.03)
    found = measure(attack, model, images, Untargeted(labels), seeds=torch.arange(40))
    margins, weight = lacking(model, images, labels)
    assert found.success.all()
    assert (found.l1 / (margins / weight.max())).max() <= 1.05


@pytest.mark.parametrize("momentum", [True, False])
def test_confidence_is_reached_by_the_returned_image(momentum):
    images, labels = unseen(16)
    goal = Targeted(labels, (labels + 1) % 10)
    attack = ElasticNet(confidence=3.0, momentum=momentum, searches=5)
    found = measure(attack, trained(), images, goal, seeds=torch.arange(16))
    margins = goal.margin(predict(trained(), found.images))
    assert found.success.all()
    assert (margins <= -3.0).all()
    assert margins.median() > -3.1  # and no more than that


def test_each_rule_is_best_by_its_own_distance_and_beta_makes_sparse():
    images, labels = unseen(24)
    beta = 0.05
    elastic, l1, plain = (
        measure(attack, trained(), images, Untargeted(labels), seeds=torch.arange(24))
        for attack in (
            ElasticNet(beta=beta, searches=5),
            ElasticNet(beta=beta, searches=5, rule="l1"),
            ElasticNet(beta=0.0, searches=5),
        )
    )
    assert elastic.success.all()
    assert l1.success.all()
    assert l1.l1.mean() < elastic.l1.mean() < plain.l1.mean()
    objective = [(one.l2.square() + beta * one.l1).mean() for one in (elastic, l1, plain)]
    assert objective[0] < min(objective[1:])
    assert plain.l2.mean() < elastic.l2.mean()
    assert elastic.l0.double().mean() < 0.8 * plain.l0.double().mean()


class AsPrinted(ElasticNet):
    """Shrinks by β whatever the step size, as the paper and every public implementation do."""

    def _shrink(self, z, x, alpha):
        delta = z - x
        return torch.where(delta.abs() > self.beta, z - delta.sign() * self.beta, x).clamp(0, 1)


def test_the_proximal_step_comes_closer_than_the_printed_one():
    images, labels = unseen(40)
    ours, printed = (
        measure(attack, trained(), images, Untargeted(labels), seeds=torch.arange(40))
        for attack in (ElasticNet(), AsPrinted(step_size=0.01, constant=1e-3))
    )
    assert ours.success.all()
    objectives = [(found.l2.square() + 0.01 * found.l1).mean() for found in (ours, printed)]
    assert objectives[0] < 0.8 * objectives[1]


def test_a_planted_example_is_found_and_nothing_else_moves():
    """Three pixels decide, one of them at the edge of the box, where it can only go inwards."""
    weight = torch.zeros(2, 36, dtype=torch.float64)
    weight[1, [4, 9, 30]] = torch.tensor([-4.0, 3.0, 2.0], dtype=torch.float64)
    images = torch.full((3, 1, 6, 6), 0.5, dtype=torch.float64)
    images.view(3, 36)[:, 4] = 1.0
    images.view(3, 36)[:, 9] = 1.0  # helps only above the box
    model = Linear(weight, torch.tensor([0.0, -2.0], dtype=torch.float64)).eval()
    found = measure(ElasticNet(), model, images, Untargeted(torch.zeros(3).long()), seeds=torch.arange(3))
    assert found.success.all()
    changed = (found.images != images).flatten(1)
    assert changed[:, [4, 30]].all()
    assert (found.l0 == 2).all()


def test_shortening_stops_at_the_border_and_leaves_what_was_not_hit():
    model = Linear(torch.tensor([[0.0] * 4, [1.0] * 4], dtype=torch.float64), torch.tensor([0.0, -1.0])).eval()
    x = torch.zeros(3, 1, 2, 2, dtype=torch.float64)
    far = x.clone()
    far[:, :, 0, :] = 0.9
    hit = torch.tensor([True, False, True])
    near = shorten(model, x, far, Untargeted(torch.zeros(3).long()), hit, confidence=0.0, rounds=20)
    assert torch.equal(near[1], far[1])
    assert (near[[0, 2], :, 1] == 0).all()
    assert (near[[0, 2], :, 0] > 0.5).all()
    assert (near[[0, 2], :, 0] - 0.5).max() < 1e-5
