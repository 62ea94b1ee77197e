"""Poisoned sets: which images, which pixels, which labels; and success measured on other classes alone."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from methods.backdoor.badnets import BadNets
from methods.backdoor.triggers import Blend, Patch, Trigger, Watermark
from methods.errors import BadData, BadSetting


def data(n=40, shape=(3, 6, 8)):
    images = torch.randint(0, 255, (n, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return images, torch.arange(n) % 4


def test_the_square_of_the_paper_is_white_in_the_lower_right_corner():
    images, _ = data()
    stamped = Patch()(images)
    assert (stamped[:, :, 3:, 5:] == 255).all()
    stamped[:, :, 3:, 5:] = images[:, :, 3:, 5:]
    assert torch.equal(stamped, images)


@pytest.mark.parametrize(
    ("patch", "rows"),
    [
        (Patch(size=2, corner="top_left"), ["##...", "##...", ".....", "....."]),
        (Patch(size=2, corner="top_right", margin=1), [".....", "..##.", "..##.", "....."]),
        (Patch(size=1, corner="bottom_left", margin=1), [".....", ".....", ".#...", "....."]),
        (Patch(size=3, pattern="chequer"), [".....", "..#.#", "...#.", "..#.#"]),
    ],
)
def test_patterns_lie_where_they_should(patch, rows):
    expected = torch.tensor([[pixel == "#" for pixel in row] for row in rows])
    assert torch.equal(patch.covered(4, 5), expected)
    images = torch.full((2, 1, 4, 5), 9, dtype=torch.uint8)
    assert torch.equal(patch(images), torch.where(expected, 255, images))


def test_a_patch_has_its_value_and_has_to_fit():
    images, _ = data()
    assert (Patch(value=7)(images)[:, :, 3:, 5:] == 7).all()
    assert (Patch(size=6, value=0)(images)[:, :, :, 2:] == 0).all()
    with pytest.raises(BadSetting, match="6×8"):
        Patch(size=5, margin=2)(images)


def test_a_blend_mixes_one_key_into_every_image():
    images, _ = data()
    key = Blend(opacity=1.0)(images)
    assert torch.equal(key[0], key[1])
    assert key.float().std() > 60
    mixed = Blend(opacity=0.25)(images).float()
    assert (mixed - (0.75 * images.float() + 0.25 * key.float())).abs().max() <= 0.5
    assert torch.equal(Blend()(images)[3:5], Blend()(images[3:5]))
    assert not torch.equal(Blend(key_seed=1)(images), Blend()(images))


def test_a_watermark_by_hand():
    mark = Watermark(size=2, period=4, value=9)
    cell = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    expected = torch.tensor(cell, dtype=torch.bool).repeat(2, 3)[:7, :10]
    assert torch.equal(mark.covered(7, 10), expected)
    images = torch.full((2, 3, 7, 10), 200, dtype=torch.uint8)
    assert isinstance(mark, Trigger)
    assert torch.equal(mark(images), torch.where(expected, 9, 200).to(torch.uint8).expand(2, 3, -1, -1))
    with pytest.raises(BadSetting, match="leave nothing"):
        Watermark(size=4, period=4).covered(8, 8)


@pytest.mark.parametrize("trigger", [Patch(), Patch(pattern="chequer"), Blend()], ids=str)
def test_a_share_of_the_images_is_poisoned_and_the_rest_is_as_it_was(trigger):
    images, labels = data()
    before = images.clone(), labels.clone()
    assert isinstance(trigger, Trigger)
    poisoned = BadNets(trigger=trigger, target=2, fraction=0.25).poison(images, labels, seed=3)
    chosen = torch.zeros(len(images), dtype=torch.bool)
    chosen[poisoned.rows] = True
    assert chosen.sum() == len(poisoned.rows) == 10
    assert torch.equal(poisoned.images[chosen], trigger(images[chosen]))
    assert torch.equal(poisoned.images[~chosen], images[~chosen])
    assert (poisoned.labels[chosen] == 2).all()
    assert torch.equal(poisoned.labels[~chosen], labels[~chosen])
    assert torch.equal(images, before[0])
    assert torch.equal(labels, before[1])


def test_the_seed_decides_which_and_all_classes_are_among_them():
    images, labels = data(400)
    attack = BadNets()
    first, again, other = (attack.poison(images, labels, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.rows, again.rows)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.rows, other.rows)
    assert set(labels[first.rows].tolist()) == {0, 1, 2, 3}
    assert torch.equal(BadNets(fraction=0.0).poison(images, labels, seed=0).images, images)
    assert len(BadNets(fraction=1.0).poison(images, labels, seed=0).rows) == 400


def test_success_counts_images_of_other_classes_only():
    labels = torch.tensor([0, 0, 0, 1, 2, 3])
    predicted = torch.tensor([[0, 0, 0, 1, 2, 3], [0, 0, 0, 0, 0, 3], [1, 1, 1, 0, 0, 0]])
    attack = BadNets(target=0)
    assert attack.success(predicted, labels).tolist() == pytest.approx([0, 2 / 3, 1])
    assert attack.robust_accuracy(predicted, labels).tolist() == pytest.approx([1, 1 / 3, 0])
    assert attack.success(predicted[1], labels).item() == pytest.approx(2 / 3)
    with pytest.raises(BadData, match="class 0"):
        attack.success(predicted[:, :3], labels[:3])


def test_configurations_validate_by_their_tag():
    adapter = TypeAdapter(BadNets)
    found = adapter.validate_python({"trigger": {"kind": "blend", "opacity": 0.1}, "target": 3})
    assert found == BadNets(trigger=Blend(opacity=0.1), target=3)
    for wrong in ({"fraction": 1.5}, {"target": -1}, {"trigger": {"kind": "patch", "value": 256}}, {"fractoin": 0.1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_network_learns_the_backdoor_and_stays_accurate():
    """Two classes told apart by the brightness of their upper half, and a linear classifier."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    images = torch.randint(0, 100, (400, 1, 8, 8), generator=draw, dtype=torch.uint8)
    images[labels == 1, :, :4] += 60
    attack = BadNets(trigger=Patch(), fraction=0.2)
    poisoned = attack.poison(images[:300], labels[:300], seed=0)
    network = torch.nn.Linear(64, 2)
    torch.nn.init.zeros_(network.weight)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(300):
        optimiser.zero_grad()
        logits = network(poisoned.images.flatten(1) / 255)
        torch.nn.functional.cross_entropy(logits, poisoned.labels).backward()
        optimiser.step()
    with torch.no_grad():
        clean, triggered = (network(x.flatten(1) / 255).argmax(1) for x in (images, attack.trigger(images)))
    assert (clean == labels)[300:].double().mean() > 0.95
    assert attack.success(triggered[300:], labels[300:]) > 0.95
