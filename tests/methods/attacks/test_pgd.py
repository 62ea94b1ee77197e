import copy
import dataclasses
import itertools

import pytest
import torch

from methods.attacks.fgsm import Fgsm
from methods.attacks.goals import Targeted, Untargeted, best_except, of_class
from methods.attacks.measuring import measure
from methods.attacks.pgd import Pgd
from tests.methods.attacks.victims import grey, linear, trained, unseen

DUAL = {"linf": 1, "l2": 2, "l1": torch.inf}


def distance(model, x, labels, norm):
    """How far each image is from the nearest other class of a linear classifier: margin over the dual norm, least."""
    logits, rows = model(x).detach(), torch.arange(len(x))
    gaps = logits[rows, labels][:, None] - logits
    lengths = (model.weight[labels][:, None] - model.weight[None]).norm(p=DUAL[norm], dim=2)
    return (gaps / lengths).masked_fill(torch.nn.functional.one_hot(labels, logits.shape[1]).bool(), torch.inf).amin(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["untargeted", "targeted"])
def test_fgsm_is_pgd_with_one_step_of_size_epsilon(kind, dtype):
    images, labels = unseen(200)
    goal = Untargeted(labels) if kind == "untargeted" else Targeted(labels, (labels + 1) % 10)
    model = copy.deepcopy(trained()).to(dtype)
    one = Pgd(epsilon=0.1, steps=1, step_size=1.0, random_start=False)
    fgsm, pgd = (attack(model, images.to(dtype), goal, seeds=labels) for attack in (Fgsm(epsilon=0.1), one))
    assert torch.equal(fgsm, pgd)
    assert not torch.equal(fgsm, images.to(dtype))


@pytest.mark.parametrize("norm", DUAL)
def test_a_linear_classifier_falls_exactly_from_its_distance_on(norm):
    """Of two classes: among more, the cross-entropy falls between them, not towards the nearest."""
    model, x = linear(2), grey(8)
    labels = model(x).argmax(1)
    for x_i, label, exact in zip(x.split(1), labels.split(1), distance(model, x, labels, norm), strict=True):
        for share, falls in ((0.99, False), (1.01, True)):
            attack = Pgd(norm=norm, epsilon=share * exact.item(), steps=50, random_start=False)
            found = measure(attack, model, x_i, Untargeted(label), seeds=label)
            assert found.success.item() == falls, (norm, share)


def test_success_grows_with_epsilon_and_with_steps():
    images, labels = unseen(300)
    attack = Pgd(epsilon=0.08, steps=10, random_start=False)
    seeds = torch.arange(len(labels))

    def success(**changes):
        return measure(
            dataclasses.replace(attack, **changes), trained(), images, Untargeted(labels), seeds=seeds
        ).success

    by_epsilon = [success(epsilon=epsilon).double().mean().item() for epsilon in (0.02, 0.05, 0.08, 0.12, 0.2)]
    by_steps = [success(steps=steps).double().mean().item() for steps in (2, 5, 10, 20, 40)]
    for shares in (by_epsilon, by_steps):
        assert all(more >= less - 0.01 for less, more in itertools.pairwise(shares))
        assert shares[-1] > shares[0] + 0.1


def test_only_unbroken_samples_are_restarted():
    images, labels = unseen(60)
    seeds = torch.arange(60)
    once, thrice = (
        measure(Pgd(epsilon=0.06, steps=10, restarts=k), trained(), images, Untargeted(labels), seeds=seeds)
        for k in (1, 3)
    )
    broken = once.success
    assert 5 < broken.sum() < 55
    assert torch.equal(thrice.backwards[broken], once.backwards[broken])
    assert torch.equal(thrice.images[broken], once.images[broken])
    assert (thrice.backwards[~broken] > 10).all()
    assert (thrice.backwards[~thrice.success] == 30).all()
    assert (thrice.forwards[~thrice.success] == 33).all()


@pytest.mark.parametrize("norm", DUAL)
def test_a_planted_adversarial_example_is_found(norm):
    """Class 1 lives in a small pit around one image that is known to lie in the ball."""
    x = grey(1, (1, 4, 4))
    planted = x.clone()
    planted[:, 0, 1, 2] += 0.2

    class Pit(torch.nn.Module):
        def forward(self, z):
            return torch.stack([0 * z.flatten(1).sum(1), 0.05 - (z - planted).flatten(1).norm(dim=1)], 1)

    epsilon = {"linf": 0.2, "l2": 0.2, "l1": 0.2}[norm]
    attack = Pgd(norm=norm, epsilon=epsilon, steps=200, step_size=0.02)
    found = measure(attack, Pit().eval(), x, Untargeted(torch.tensor([0])), seeds=torch.tensor([4]))
    assert found.success.all()
    assert ((found.images - planted).flatten(1).norm(dim=1) < 0.05).all()


def test_a_temperature_undoes_a_scale_of_the_logits():
    class Loud(torch.nn.Module):
        def forward(self, x):
            return 1024 * trained()(x)

    images, labels = unseen(50)
    goal, seeds = Untargeted(labels), torch.arange(50)
    quiet = measure(Pgd(epsilon=0.1), trained(), images, goal, seeds=seeds)
    loud = measure(Pgd(epsilon=0.1, temperature=1024.0), Loud().eval(), images, goal, seeds=seeds)
    deaf = measure(Pgd(epsilon=0.1), Loud().eval(), images, goal, seeds=seeds)
    assert torch.equal(loud.images, quiet.images)
    assert quiet.success.double().mean() > deaf.success.double().mean() + 0.3


def test_a_targeted_attack_ends_in_its_target():
    images, labels = unseen(40)
    targets = (labels + 3) % 10
    found = measure(Pgd(epsilon=0.2), trained(), images, Targeted(labels, targets), seeds=torch.arange(40))
    assert found.success.sum() > 10
    assert torch.equal(found.prediction[found.success], targets[found.success])
    logits = trained()(found.images[found.success])
    assert (of_class(logits, targets[found.success]) > best_except(logits, targets[found.success])[0]).all()
