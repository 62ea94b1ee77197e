"""DDN against exact distances, at equal gradients against its own parts, and where several classes are at hand."""

import pytest
import torch

from methods.attacks.ddn import Ddn
from methods.attacks.goals import Targeted, Untargeted, random_targets
from methods.attacks.measuring import measure
from tests.methods.attacks.victims import Linear, grey, linear, trained, unseen


def distances(model, images, labels):
    """To the border with each class of a linear classifier; infinite for the label itself."""
    logits, weight = model(images).detach(), model.weight.detach()
    lacking = logits.gather(1, labels[:, None]) - logits
    return (lacking / (weight[None] - weight[labels][:, None]).norm(dim=2)).scatter(1, labels[:, None], torch.inf)


@pytest.mark.parametrize("classes", [2, 4])
def test_exact_distance_on_a_linear_classifier(classes):
    model, images = linear(classes), grey(60)
    labels = model(images).argmax(1)
    found = measure(Ddn(), model, images, Untargeted(labels), seeds=torch.arange(60))
    ratio = found.l2 / distances(model, images, labels).min(1).values
    assert found.success.all()
    assert ratio.min() > 1 - 1e-9
    assert (ratio <= 1.02).double().mean() >= 0.95
    assert ratio.max() <= 1.05  # where two borders are nearly as close, rounding decides which one is followed


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_exact_distance_to_a_target_whatever_the_scale_of_the_logits(scale):
    """Two classes, so that no third one comes between; logits so large that the softmax is flat."""
    calm, images = linear(2), grey(40)
    model = Linear(scale * calm.weight.detach(), scale * calm.bias.detach()).eval()
    labels = model(images).argmax(1)
    found = measure(Ddn(), model, images, Targeted(labels, 1 - labels), seeds=torch.arange(40))
    assert found.success.all()
    assert (found.l2 / distances(calm, images, labels).min(1).values).max() <= 1.02


def test_further_descents_find_nearer_classes_at_the_same_number_of_gradients():
    images, labels = unseen(70)
    one, four, long = (
        measure(attack, trained(), images, Untargeted(labels), seeds=torch.arange(70))
        for attack in (Ddn(descents=1), Ddn(), Ddn(steps=200, descents=9))
    )
    assert one.success.all()
    assert four.success.all()
    assert (four.backwards == 100).all()
    assert (one.backwards == 100).all()
    assert four.l2.mean() < 0.99 * one.l2.mean()
    assert (four.l2 < 1.05 * long.l2).double().mean() > 0.95  # little is left to find


def test_the_nearest_class_is_found_behind_a_likelier_one():
    """Class 1 is likelier, but far away: its weight is small; class 2 is close and steep."""
    weight = torch.zeros(3, 36, dtype=torch.float64)
    weight[1, 0], weight[2, 1] = 1.0, 20.0
    model = Linear(weight, torch.tensor([0.0, -0.9, -12.0])).eval()
    images = torch.full((4, 1, 6, 6), 0.5, dtype=torch.float64)
    goal = Untargeted(torch.zeros(4).long())
    found = measure(Ddn(steps=60), model, images, goal, seeds=torch.arange(4))
    assert (found.prediction == 2).all()
    assert (found.l2 - 0.1).abs().max() < 0.002


def test_every_target_is_reached_in_the_box():
    images, labels = unseen(60)
    targets = random_targets(labels, 10, torch.linspace(0, 0.999, 60))
    found = measure(Ddn(), trained(), images, Targeted(labels, targets), seeds=torch.arange(60))
    assert found.success.all()
    assert torch.equal(found.prediction, targets)
    assert found.images.min() == 0
    assert found.images.max() == 1


def test_a_tie_and_a_wrong_answer_need_next_to_nothing():
    model = Linear(torch.tensor([[0.0] * 4, [1.0] * 4]).double(), torch.tensor([2.0, 0.0])).eval()
    images = torch.full((2, 1, 2, 2), 0.5, dtype=torch.float64)
    tied = measure(Ddn(), model, images, Untargeted(torch.tensor([0, 1])), seeds=torch.arange(2))
    assert tied.success.all()
    assert tied.l2.max() < 1e-3
    wrong = measure(Ddn(), model, images * 0.9, Untargeted(torch.tensor([1, 1])), seeds=torch.arange(2))
    assert (wrong.l0 == 0).all()
    assert (wrong.backwards == 0).all()


def test_a_planted_example_is_found_and_nothing_else_moves():
    weight = torch.zeros(2, 27, dtype=torch.float64)
    weight[1, [2, 20]] = torch.tensor([3.0, -4.0], dtype=torch.float64)
    images = torch.full((3, 3, 3, 3), 0.4, dtype=torch.float64)
    model = Linear(weight, torch.tensor([0.6, 0.0], dtype=torch.float64)).eval()  # margin 1: distance 1/5
    found = measure(Ddn(), model, images, Untargeted(torch.zeros(3).long()), seeds=torch.arange(3))
    assert found.success.all()
    assert ((found.images != images).flatten(1).sum(1) == 2).all()
    assert (found.l2 / 0.2).max() < 1.002
