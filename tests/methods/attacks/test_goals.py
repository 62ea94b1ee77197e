import pytest
import torch

from methods.attacks.goals import Targeted, Untargeted, best_except, random_targets

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 1.0, -1.0]])
LABELS = torch.tensor([0, 0, 0])
CLASSES = torch.tensor([2, 2, 1])


def test_margins_are_what_the_logits_lack():
    assert Untargeted(LABELS).margin(LOGITS).tolist() == [1.0, -5.0, 0.0]
    assert Targeted(LABELS, CLASSES).margin(LOGITS).tolist() == [1.0, 1.0, 0.0]


def test_a_tie_reaches_nothing_and_confidence_asks_for_more():
    assert Untargeted(LABELS).reached(LOGITS).tolist() == [False, True, False]
    assert Untargeted(LABELS).reached(LOGITS, 5.0).tolist() == [False, True, False]
    assert not Untargeted(LABELS).reached(LOGITS, 5.1).any()
    towards_one = Targeted(LABELS, torch.tensor([1, 1, 1]))
    assert towards_one.reached(LOGITS).tolist() == [False, True, False]
    assert not towards_one.reached(LOGITS, 1.1).any()


def test_targets_are_the_target_or_else_the_best_other_class():
    assert Untargeted(LABELS).targets(LOGITS).tolist() == [2, 1, 1]
    assert Targeted(LABELS, CLASSES).targets(LOGITS).tolist() == [2, 2, 1]
    values, classes = best_except(LOGITS, torch.tensor([1, 1, 1]))
    assert values.tolist() == [3.0, 4.0, 1.0]
    assert classes.tolist() == [0, 2, 0]


def test_the_loss_falls_towards_the_goal():
    probabilities = LOGITS.double().softmax(1)
    rows = torch.arange(3)
    assert torch.allclose(Untargeted(LABELS).loss(LOGITS.double()), probabilities[rows, LABELS].log())
    assert torch.allclose(Targeted(LABELS, CLASSES).loss(LOGITS.double()), -probabilities[rows, CLASSES].log())


@pytest.mark.parametrize("goal", [Untargeted(LABELS), Targeted(LABELS, CLASSES)])
@pytest.mark.parametrize("keep", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_a_part_of_the_goals_is_that_of_the_samples(goal, keep):
    assert torch.equal(goal[keep].margin(LOGITS[keep]), goal.margin(LOGITS)[keep])


def test_random_targets_are_any_other_class_equally_often():
    labels = torch.arange(9000) % 3
    targets = random_targets(labels, 3, torch.rand(9000, generator=torch.Generator().manual_seed(0)))
    shift = (targets - labels) % 3
    assert set(shift.tolist()) == {1, 2}
    assert abs((shift == 1).double().mean() - 0.5) < 0.03
    assert random_targets(torch.tensor([1]), 2, torch.tensor([0.9999999])).tolist() == [0]
