"""JSMA against its definition, written out: every pair of values, the whole Jacobian, one image at a time."""

import copy

import pytest
import torch
from torch.autograd.functional import jacobian

from methods.attacks.goals import Targeted, Untargeted, random_targets
from methods.attacks.jsma import Jsma, _best_product
from methods.attacks.measuring import measure
from tests.methods.attacks.victims import Linear, grey, linear, trained, unseen


def by_definition(model, x, target, reached, *, output, theta, gamma):
    """Algorithms 2 and 3 of arXiv 1511.07528 for one image."""
    z, values = x.clone(), x.numel()
    free = (z < 1).flatten() if theta > 0 else (z > 0).flatten()
    for _ in range(int(gamma * values / 2 + 1e-9)):
        logits = model(z[None])
        if reached(logits):
            return z
        outputs = (lambda v: model(v[None])[0].softmax(0)) if output == "f" else (lambda v: model(v[None])[0])
        rows = jacobian(outputs, z).flatten(1)
        alpha = rows[target][:, None] + rows[target]
        if output == "pair":
            others = logits[0].clone()
            others[target] = -torch.inf
            beta = rows[others.argmax()][:, None] + rows[others.argmax()]
            saliency = (alpha - beta) * (1 if theta > 0 else -1)
        else:
            others = rows.sum(0) - rows[target]
            beta = others[:, None] + others
            if theta > 0:
                saliency = torch.where((alpha > 0) & (beta < 0), -alpha * beta, 0)
            else:
                saliency = torch.where((alpha < 0) & (beta > 0), -alpha * beta, 0)
        allowed = free[:, None] & free & ~torch.eye(values, dtype=torch.bool)
        saliency = saliency.masked_fill(~allowed, 0)
        if saliency.max() <= 0:
            return x
        pair = torch.tensor(divmod(int(saliency.argmax()), values))
        flat = z.flatten().clone()
        flat[pair] = (flat[pair] + theta).clamp(0, 1)
        free = free & ((flat < 1) if theta > 0 else (flat > 0))
        z = flat.view_as(z)
    return z if reached(model(z[None])) else x


@pytest.mark.parametrize("theta", [1.0, -1.0, 0.4])
@pytest.mark.parametrize("output", ["f", "z", "pair"])
def test_batch_is_the_definition_pixel_by_pixel(output, theta):
    model = copy.deepcopy(trained()).double()
    images, labels = unseen(16)
    images, targets = images.double(), (labels + 1) % 10
    found = Jsma(output=output, theta=theta)(model, images, Targeted(labels, targets), seeds=torch.arange(16))
    expected = torch.stack(
        [
            by_definition(
                model, x, int(t), lambda logits, t=t: logits.argmax() == t, output=output, theta=theta, gamma=0.1
            )
            for x, t in zip(images, targets, strict=True)
        ]
    )
    assert (expected != images).any()
    assert torch.equal(found, expected)


def test_the_best_product_is_that_of_all_pairs_with_many_equal_slopes():
    draw = torch.Generator().manual_seed(0)
    rise, fall = (torch.randint(-6, 7, (400, 12), generator=draw).double() for _ in range(2))
    fall[:200] = (-rise + fall / 3)[:200].round()  # where one rises the other does not fall: many are left to be paired
    free = torch.rand(400, 12, generator=draw) < 0.7
    pair, salient = _best_product(rise, fall, free)
    sums = [slope[:, :, None] + slope[:, None, :] for slope in (rise, fall)]
    allowed = free[:, :, None] & free[:, None, :] & ~torch.eye(12, dtype=torch.bool) & (sums[0] > 0) & (sums[1] > 0)
    best = torch.where(allowed, sums[0] * sums[1], 0).flatten(1).max(1).values
    rows = torch.arange(400)
    assert torch.equal(salient, best > 0)
    assert 50 < salient.sum() < 400
    chosen = torch.where(allowed, sums[0] * sums[1], 0)[rows, pair[:, 0], pair[:, 1]]
    assert torch.equal(chosen[salient], best[salient])
    for part in rows.split(7):
        assert torch.equal(
            _best_product(rise[part], fall[part], free[part])[0][salient[part]], pair[part][salient[part]]
        )


def test_untargeted_goes_for_the_runner_up_of_the_clean_image():
    model = copy.deepcopy(trained()).double()
    images, labels = unseen(12)
    images = images.double()
    found = Jsma()(model, images, Untargeted(labels), seeds=torch.arange(12))
    runner_up = model(images).scatter(1, labels[:, None], -torch.inf).argmax(1)
    for at in range(12):
        wrong = lambda logits, at=at: logits.argmax() != labels[at]  # noqa: E731
        expected = by_definition(model, images[at], int(runner_up[at]), wrong, output="f", theta=1.0, gamma=0.1)
        assert torch.equal(found[at], expected)


@pytest.mark.parametrize("output", ["f", "z", "pair"])
def test_on_a_linear_classifier_at_most_one_pixel_too_many(output):
    """Of two classes: brightening the pixels that help most until the margin is gone is the exact smallest number."""
    weight = linear(2).weight.detach()
    weight = torch.stack([weight[0], -weight[0]])
    model = Linear(weight, -0.5 * weight.sum(1) + torch.tensor([0.3, -0.3])).double().eval()
    images = grey(40)
    labels = model(images).argmax(1)
    found = measure(Jsma(output=output, gamma=1.0), model, images, Untargeted(labels), seeds=torch.arange(40))
    towards = (weight[1 - labels] - weight[labels]) * (1 - images.flatten(1))
    gained = towards.sort(1, descending=True).values.cumsum(1)
    logits = model(images)
    lacking = (logits.max(1).values - logits.min(1).values)[:, None]
    exact = (gained <= lacking).sum(1) + 1
    assert found.success.all()
    assert exact.max() >= 4
    assert (found.l0 <= exact + 1).all()


def test_on_many_classes_the_pair_variant_needs_at_most_one_pixel_too_many():
    """With a target that overtakes the leading class, which stays the leading one of the others."""
    model = linear(6)
    images = grey(60)
    logits = model(images)
    labels = logits.argmax(1)
    goal = Targeted(labels, logits.scatter(1, labels[:, None], -torch.inf).argmax(1))
    found = measure(Jsma(output="pair", gamma=1.0), model, images, goal, seeds=torch.arange(60))
    weight = model.weight.detach()
    towards = (weight[goal.classes] - weight[labels]) * (1 - images.flatten(1))
    gained = towards.sort(1, descending=True).values.cumsum(1)
    enough = (gained <= goal.margin(logits).detach()[:, None]).sum(1) + 1
    assert found.success.all()
    assert (found.l0 <= enough + 1).double().mean() > 0.9  # elsewhere a third class comes between


def test_a_network_that_is_too_sure_hides_from_the_softmax_alone():
    """Logits of a thousandfold scale leave the softmax flat; the answers, and the logits' directions, are the same."""
    calm = copy.deepcopy(trained()).double()

    class Sure(torch.nn.Module):
        def forward(self, x):
            return 1000 * calm(x)

    images, labels = unseen(20)
    goal = Targeted(labels, random_targets(labels, 10, torch.linspace(0, 0.99, 20)))
    reached = {}
    for output in ("f", "z", "pair"):
        attack = Jsma(output=output)
        reached[output], plain = (
            measure(attack, model, images.double(), goal, seeds=torch.arange(20)) for model in (Sure().eval(), calm)
        )
        if output != "f":
            assert torch.equal(reached[output].images, plain.images)
    assert not reached["f"].success.any()
    assert reached["pair"].success.any()


@pytest.mark.parametrize("output", ["f", "z", "pair"])
def test_a_planted_example_is_found(output):
    """Two values of 48, of one pixel's three colours and another's, that decide everything; one step must do."""
    weight = torch.zeros(3, 48, dtype=torch.float64)
    weight[1, [0, 47]], weight[0, [0, 47]] = 1.0, -0.1
    model = Linear(weight, torch.tensor([0.9, 0.0, -5.0])).eval()
    images, labels = torch.full((4, 3, 4, 4), 0.2, dtype=torch.float64), torch.zeros(4, dtype=torch.int64)
    attack = Jsma(output=output, gamma=2 / 48)
    found = measure(attack, model, images, Untargeted(labels), seeds=torch.arange(4))
    assert found.success.all()
    assert torch.equal(found.images.flatten(1)[:, [0, 47]], torch.ones(4, 2, dtype=torch.float64))
    assert ((found.images != images).flatten(1).sum(1) == 2).all()
    assert (found.backwards == (2 if output == "z" else 1)).all()
