import dataclasses
from collections.abc import Callable

import pytest
import torch

from methods.attacks.attack import gradient, narrow
from methods.attacks.goals import Untargeted
from methods.attacks.measuring import Counted, measure
from methods.errors import BadSetting
from tests.methods.attacks.victims import Constant, linear


@dataclasses.dataclass(frozen=True)
class Scripted:
    """An attack that returns what a function makes of the images."""

    does: Callable
    goals = (Untargeted,)
    name = "scripted"

    def __call__(self, model, x, goal, *, seeds, on_step=lambda *_: None):
        return self.does(x)


def measured(does, x, model=None):
    labels = torch.zeros(len(x), dtype=torch.int64)
    return measure(Scripted(does), model or Brightness().eval(), x, Untargeted(labels), seeds=torch.arange(len(x)))


class Brightness(torch.nn.Module):
    """Class 1 where the mean is above one half."""

    def forward(self, x):
        return torch.stack([torch.zeros(len(x)).to(x), x.flatten(1).mean(1) - 0.5], 1)


def test_distances_are_those_of_the_returned_images():
    x = torch.full((1, 2, 2, 2), 0.45, dtype=torch.float64)

    def brighter(x):
        x = x.clone()
        x[0, :, 0, 0] += torch.tensor([0.3, 0.4])
        x[0, 0, 1, 1] += 0.5
        return x

    found = measured(brighter, x)
    assert found.success.tolist() == [True]
    assert found.l0.tolist() == [2]  # pixels: both channels of one count once
    assert found.l1.item() == pytest.approx(1.2)
    assert found.l2.item() == pytest.approx(0.5**0.5)
    assert found.linf.item() == pytest.approx(0.5)
    assert found.clean_prediction.tolist() == [0]
    assert found.prediction.tolist() == [1]


def test_what_an_attack_returns_without_success_counts_for_nothing():
    x = torch.tensor([0.1, 0.45, 0.2]).view(3, 1, 1, 1)
    found = measured(lambda x: x + 0.1, x)
    assert found.success.tolist() == [False, True, False]
    assert torch.equal(found.images[[0, 2]], x[[0, 2]])
    assert found.linf[[0, 2]].tolist() == [0.0, 0.0]
    assert found.l0.tolist() == [0, 1, 0]
    assert found.prediction.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda x: x.add_(0.1), "changed the images"),
        (lambda x: x - 1, "outside of"),
        (lambda x: x * float("nan"), "outside of"),
    ],
)
def test_an_attack_that_breaks_the_rules_is_refused(does, said):
    with pytest.raises(BadSetting, match=said):
        measured(does, torch.full((2, 1, 2, 2), 0.4))


def test_a_classifier_of_infinite_logits_is_refused():
    class Infinite(Constant):
        def forward(self, x):
            return super().forward(x) / 0

    with pytest.raises(BadSetting, match="finite"):
        measured(lambda x: x, torch.rand(2, 1, 2, 2), Infinite().eval())


def test_calls_count_for_the_samples_they_are_made_for():
    model, x = Counted(linear(), 4, torch.device("cpu")), torch.rand(4, 1, 6, 6, dtype=torch.float64)
    model(x)
    part = narrow(model, torch.tensor([1, 3]))
    gradient(part, x[[1, 3]], lambda logits: logits[:, 0])
    gradient(narrow(part, torch.tensor([False, True])), x[3:], lambda logits: logits[:, 0])
    assert model.forwards.tolist() == [1, 2, 1, 3]
    assert model.backwards.tolist() == [0, 1, 0, 2]


def test_images_of_a_multiple_count_in_turn_and_others_are_refused():
    model = Counted(linear(), 2, torch.device("cpu"))
    model(torch.rand(6, 1, 6, 6, dtype=torch.float64))
    assert model.forwards.tolist() == [3, 3]
    with pytest.raises(ValueError, match="narrow"):
        model(torch.rand(3, 1, 6, 6, dtype=torch.float64))


def test_nothing_is_counted_backwards_without_a_gradient():
    model, x = Counted(linear(), 2, torch.device("cpu")), torch.rand(2, 1, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        model(x.clone().requires_grad_())
    assert model.forwards.tolist() == [1, 1]
    assert model.backwards.tolist() == [0, 0]
