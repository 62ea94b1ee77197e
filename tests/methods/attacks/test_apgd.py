import pytest
import torch

from methods.attacks.apgd import Apgd, dlr
from methods.attacks.apgd_path import Path, checkpoints_of
from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure
from methods.attacks.pgd import Pgd
from tests.methods.attacks.test_pgd import distance
from tests.methods.attacks.victims import grey, linear, trained, unseen


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("loss", "classes"), [("ce", 2), ("t", 3), ("t", 4)])
def test_a_linear_classifier_falls_exactly_from_its_distance_on(norm, loss, classes):
    model, x = linear(classes), grey(4)
    labels = model(x).argmax(1)
    for x_i, label, exact in zip(x.split(1), labels.split(1), distance(model, x, labels, norm), strict=True):
        for share, falls in ((0.99, False), (1.02, True)):
            attack = Apgd(norm=norm, loss=loss, epsilon=share * exact.item(), steps=40, attempts=classes - 1)
            found = measure(attack, model, x_i, Untargeted(label), seeds=label)
            assert found.success.item() == falls, share


def test_checkpoints_are_those_of_the_paper():
    """p = 0, .22, .41, .57, .70, .80, .87, .93, .99."""
    assert list(checkpoints_of(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(checkpoints_of(100).values()) == [22, 19, 16, 13, 10, 7, 6, 6]
    assert list(checkpoints_of(3)) == [1, 2]


def test_the_step_is_halved_for_a_sample_that_improves_too_seldom_or_is_stuck():
    """Three samples, four moves each: one always improves, one twice, one did so and then rests on its best."""
    z = torch.zeros(3, 1, 1, 1)
    path = Path.begin(z, 1.0)
    for step, values in enumerate([[9, 5, 5], [8, 6, 4], [7, 4, 3], [6, 5, 2], [5, 3, 1]]):
        path.z = z + step
        path.look(torch.tensor(values).float(), z - step)
    path.z = z + 9
    path.check(4)
    assert path.size.tolist() == [1.0, 0.5, 1.0]
    assert path.z.flatten().tolist() == [9.0, 4.0, 9.0]
    assert path.slope.flatten().tolist() == [-4.0, -4.0, -4.0]
    for values in [[4, 9, 3], [3, 9, 2], [2, 9, 1.5], [1, 9, 1]]:
        path.look(torch.tensor(values).float(), z)
    path.check(4)
    assert path.size.tolist() == [1.0, 0.25, 0.5]  # the third improved at each move, but not on its best
    path.look(torch.tensor([9.0, 2.0, 9.0]), z)
    path.check(1)
    assert path.size.tolist() == [0.5, 0.25, 0.25]


def test_the_dlr_loss_knows_no_shift_and_no_scale():
    logits = torch.tensor([[4.0, 1.0, 3.0, -2.0, 0.0]], dtype=torch.float64)
    source, target = torch.tensor([0]), torch.tensor([1])
    value = dlr(logits, source, target)
    assert value.item() == pytest.approx((4 - 1) / (4 - (1 + 0) / 2))
    assert torch.allclose(dlr(1e6 * logits - 100, source, target), value)
    assert dlr(logits[:, :3], source, target).item() == 3.0


class Loud(torch.nn.Module):
    def forward(self, x):
        return 1e4 * trained()(x)


def test_the_targeted_loss_needs_no_gradient_of_a_softmax():
    images, labels = unseen(50)
    goal, seeds = Untargeted(labels), torch.arange(50)
    plain = measure(Apgd(loss="t", steps=30), trained(), images, goal, seeds=seeds)
    loud = measure(Apgd(loss="t", steps=30), Loud().eval(), images, goal, seeds=seeds)
    deaf = measure(Apgd(loss="ce", steps=30), Loud().eval(), images, goal, seeds=seeds)
    assert loud.success.sum() >= plain.success.sum() - 1
    assert plain.success.double().mean() > 0.6
    assert deaf.success.double().mean() < 0.2


class SecondBest(torch.nn.Module):
    """The runner-up, class 1, is out of reach; class 2 is not."""

    def forward(self, x):
        level = x.flatten(1).mean(1)
        return torch.stack([1 + 0 * level, 0.9 + 0 * level, 0.5 + 5 * (level - 0.5)], 1)


def test_the_best_other_classes_are_tried_in_turn_on_unbroken_samples_only():
    x = torch.full((2, 1, 3, 3), 0.5, dtype=torch.float64)
    labels = torch.tensor([0, 1])  # the second is taken for class 0 to begin with
    for attempts, broken in ((1, False), (2, True), (9, True)):
        attack = Apgd(loss="t", epsilon=0.2, steps=10, attempts=attempts)
        found = measure(attack, SecondBest().eval(), x, Untargeted(labels), seeds=torch.arange(2))
        assert found.success.tolist() == [broken, True]
        assert found.forwards[1] == 1
        assert (found.backwards[0] > 10) == broken
        assert found.backwards[1] == 0


def test_it_does_no_worse_than_pgd_of_as_many_steps():
    images, labels = unseen(200)
    goal, seeds = Untargeted(labels), torch.arange(200)
    for epsilon in (0.04, 0.08):
        pgd = measure(Pgd(epsilon=epsilon, steps=40), trained(), images, goal, seeds=seeds)
        apgd = measure(Apgd(epsilon=epsilon, steps=40), trained(), images, goal, seeds=seeds)
        assert apgd.success.double().mean() >= pgd.success.double().mean() - 0.01
        assert apgd.linf.max() <= epsilon + 1e-6
