"""What every attack keeps, whatever it does: one contract over a table of all of them."""

import copy
import dataclasses

import pytest
import torch

from methods.attacks.apgd import Apgd
from methods.attacks.autoattack import AutoAttack
from methods.attacks.carlini_wagner.l0 import CarliniWagnerL0
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.carlini_wagner.linf import CarliniWagnerLinf
from methods.attacks.ddn import Ddn
from methods.attacks.elastic_net import ElasticNet
from methods.attacks.fgsm import Fgsm
from methods.attacks.goals import Targeted, Untargeted, random_targets
from methods.attacks.jsma import Jsma
from methods.attacks.measuring import measure, predict
from methods.attacks.pgd import Pgd
from methods.attacks.plain_gradient import PlainGradient
from methods.attacks.random_noise import RandomNoise
from methods.attacks.spatial import Spatial
from methods.attacks.square import Square
from methods.errors import BadData, BadSetting
from tests.methods.attacks.victims import Constant, Planted, Shifted, Stubborn, trained, unseen

ATTACKS = {
    "fgsm_linf": Fgsm(epsilon=0.15),
    "pgd_linf": Pgd(epsilon=0.15, steps=10, restarts=2),
    "pgd_l2": Pgd(norm="l2", epsilon=1.5, steps=10),
    "pgd_l1": Pgd(norm="l1", epsilon=12.0, steps=10),
    "pgd_linf_t100": Pgd(epsilon=0.15, steps=10, temperature=100.0),
    "apgd_ce_linf": Apgd(epsilon=0.15, steps=10),
    "apgd_t_linf": Apgd(epsilon=0.15, steps=10, loss="t", attempts=2),
    "apgd_ce_l2": Apgd(norm="l2", epsilon=1.5, steps=10),
    "autoattack_linf": AutoAttack(epsilon=0.12, steps=5, classes=2, queries=10),
    "autoattack_l2": AutoAttack(norm="l2", epsilon=1.5, steps=5, classes=2),
    "square_linf": Square(epsilon=0.25, queries=40),
    "noise_linf": RandomNoise(epsilon=0.9, tries=20),
    "spatial_grid": Spatial(degrees=60.0, shift=0.2, rotations=5, shifts=3),
    "ddn_l2": Ddn(steps=20),
    "ead_en": ElasticNet(searches=3, steps=20, step_size=0.05, constant=0.1),
    "ead_l1": ElasticNet(rule="l1", searches=3, steps=20, step_size=0.05, constant=0.1, momentum=False),
    "plain_gradient": PlainGradient(epsilon=0.15, step_size=2.0, targeted_step_size=0.2, targeted_steps=30),
    "jsma_f": Jsma(gamma=0.2),
    "jsma_z": Jsma(output="z", gamma=0.2),
    "jsma_pair": Jsma(output="pair", gamma=0.2),
    "cw_l2": CarliniWagnerL2(steps=30, search_steps=4),
    "cw_l0": CarliniWagnerL0(steps=30, c_steps=2, share=0.5),
    "cw_linf": CarliniWagnerLinf(steps=30, c_steps=2),
}
"""Strong enough here to break most samples, and short enough for a test."""


@pytest.fixture(scope="module", params=ATTACKS)
def attack(request):
    return ATTACKS[request.param]


@pytest.fixture(scope="module", params=["untargeted", "targeted"])
def kind(request, attack):
    kind = {"untargeted": Untargeted, "targeted": Targeted}[request.param]
    if kind not in attack.goals:
        pytest.skip(f"{attack.name} knows no such goal")
    return kind


def goal_of(kind, labels):
    if kind is Untargeted:
        return Untargeted(labels)
    return Targeted(labels, random_targets(labels, 10, torch.rand(len(labels), generator=torch.manual_seed(3))))


def run(attack, kind, *, model=None, n=24, order=None, dtype=torch.float64, seed=0):
    model = copy.deepcopy(model or trained()).to(dtype)
    images, labels = unseen(n)
    order = torch.arange(n) if order is None else order
    goal, seeds = goal_of(kind, labels)[order], (seed + 17 * torch.arange(n))[order]
    return measure(attack, model, images[order].to(dtype), goal, seeds=seeds)


@pytest.fixture(scope="module")
def whole(attack, kind):
    return run(attack, kind)


def test_names_are_those_of_the_tables():
    assert all(attack.name == name for name, attack in ATTACKS.items())


def test_most_samples_are_broken_or_a_fair_share_of_targets_reached(attack, kind, whole):
    assert whole.success.double().mean() >= (0.5 if kind is Untargeted else 0.1)


def test_success_is_what_the_returned_image_shows(attack, kind, whole):
    images, labels = unseen(24)
    logits = predict(copy.deepcopy(trained()).double(), whole.images)
    assert torch.equal(whole.success, goal_of(kind, labels).reached(logits))
    assert torch.equal(whole.prediction, logits.argmax(1))
    assert ((whole.images >= 0) & (whole.images <= 1)).all()
    changed = (whole.images != images.double()).any(1).flatten(1).sum(1)
    assert torch.equal(whole.l0, changed)


def test_a_failed_sample_keeps_its_clean_image_bit_for_bit(attack, kind):
    images = unseen(8)[0].double()
    labels = torch.zeros(8, dtype=torch.int64)
    goal = Untargeted(labels) if kind is Untargeted else Targeted(labels, labels + 1)
    for model in (Constant().eval(), Stubborn().eval()):
        found = measure(attack, model, images, goal, seeds=torch.arange(8))
        assert not found.success.any()
        assert torch.equal(found.images, images)
        assert torch.equal(attack(model, images.clone(), goal, seeds=torch.arange(8)), images)


def test_a_planted_adversarial_example_is_found(attack):
    """Four pixels away, within every budget; whoever has no gradient would have to be very lucky."""
    if attack.name in ("square_linf", "noise_linf", "spatial_grid"):
        pytest.skip("it follows no gradient")
    if isinstance(attack, Pgd):  # a few steps from a random point of a large ball end all around it
        attack = dataclasses.replace(attack, random_start=False)
    x = torch.full((2, 1, 16, 16), 0.85, dtype=torch.float64)
    point = x[0].clone()
    point[0, [3, 5, 7, 9], [4, 8, 2, 11]] = 1.0
    found = measure(attack, Planted(point, 0.28).eval(), x, Untargeted(torch.zeros(2).long()), seeds=torch.arange(2))
    assert found.success.all()


def test_companions_and_order_change_nothing(attack, kind, whole):
    order = torch.randperm(24, generator=torch.Generator().manual_seed(5))
    mixed = run(attack, kind, order=order)
    assert torch.equal(mixed.success, whole.success[order])
    assert (mixed.images - whole.images[order]).abs().max() < 1e-9
    for position in (0, 7, 23):
        alone = run(attack, kind, order=torch.tensor([position]))
        assert alone.success[0] == whole.success[position]
        assert (alone.images[0] - whole.images[position]).abs().max() < 1e-9
        assert alone.backwards[0] == whole.backwards[position]


def test_the_seed_decides_all_randomness(attack, kind, whole):
    again = run(attack, kind)
    assert torch.equal(again.images, whole.images)


def test_a_number_added_to_all_logits_changes_nothing(attack, kind, whole):
    exact = run(attack, kind, model=Shifted(trained(), -100.0))
    assert torch.equal(exact.success, whole.success)
    assert (exact.images - whole.images).abs().max() < 1e-6
    plain = run(attack, kind, dtype=torch.float32)
    rounded = run(attack, kind, model=Shifted(trained(), -100.0), dtype=torch.float32)
    assert (plain.success == rounded.success).double().mean() > 0.95
    both = plain.success & rounded.success
    assert (plain.l2 - rounded.l2)[both].abs().median() < 1e-3


def test_the_callers_tensors_stay_as_they_are(attack, kind):
    images, labels = unseen(6)
    goal, seeds = goal_of(kind, labels), torch.arange(6)
    before = [tensor.clone() for tensor in (images, labels, seeds)]
    attack(trained(), images, goal, seeds=seeds)
    assert all(torch.equal(old, new) for old, new in zip(before, (images, labels, seeds), strict=True))
    assert not images.requires_grad


def test_counts_are_those_of_the_calls(attack, kind, whole):
    """A model that counts its own calls sees as many images and gradients as are reported."""

    class Counting(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model, self.forwards, self.backwards = model, 0, 0

        def forward(self, x):
            self.forwards += len(x)
            if x.requires_grad:
                x = x.clone()
                x.register_hook(lambda slope: setattr(self, "backwards", self.backwards + len(slope)))
            return self.model(x)

    images, labels = unseen(24)
    model = Counting(copy.deepcopy(trained()).double()).eval()
    measured = measure(attack, model, images.double(), goal_of(kind, labels), seeds=17 * torch.arange(24))
    assert model.forwards == measured.forwards.sum() + 2 * 24  # the harness looks at clean and returned images itself
    assert model.backwards == measured.backwards.sum()
    assert torch.equal(measured.backwards, whole.backwards)


def test_an_empty_batch_is_no_error(attack, kind):
    images, labels = unseen(4)
    none = torch.zeros(0, dtype=torch.int64)
    found = measure(attack, trained(), images[:0], goal_of(kind, labels)[none], seeds=none)
    assert found.images.shape == (0, 1, 16, 16)


def test_colour_images_and_odd_sizes(attack, kind):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 5 * 7, 10)).double().eval()
    images = torch.rand(5, 3, 5, 7, dtype=torch.float64)
    labels = model(images).argmax(1)
    found = measure(attack, model, images, goal_of(kind, labels), seeds=torch.arange(5))
    assert (found.l0 <= 35).all()
    assert found.images.dtype == torch.float64


def test_bad_input_is_refused(attack):
    images, labels = unseen(4)
    goal, seeds = Untargeted(labels), torch.arange(4)
    if Untargeted not in attack.goals:
        goal = goal_of(Targeted, labels)
    softmax = torch.nn.Sequential(trained(), torch.nn.Softmax(1)).eval()
    with pytest.raises(BadSetting, match="probabilities"):
        measure(attack, softmax, images, goal, seeds=seeds)
    with pytest.raises(BadSetting, match="train mode"):
        measure(attack, copy.deepcopy(trained()).train(), images, goal, seeds=seeds)
    with pytest.raises(BadData, match="range from"):
        measure(attack, trained(), images * 255, goal, seeds=seeds)
    with pytest.raises(BadSetting, match="cannot pursue"):
        measure(attack, trained(), images, Elsewhere(labels), seeds=seeds)


class Elsewhere(Untargeted):
    """A goal that no attack knows."""
