"""The one loop: as many rows as planned, the parameters that plain training would reach, and nothing else moved."""

import copy
import math

import pytest
import torch
from torch import nn

from methods import randomness
from methods.errors import BadSetting, Diverged


@pytest.mark.parametrize(("epochs", "rows"), [(1, 1), (1, 5), (3, 7), (4, 4), (2, 10), (3, 0)])
def test_planned_rows_are_kept_evenly_over_the_phase(carry_out, small_network, epochs, rows):
    ran = carry_out(small_network(), epochs=epochs, rows=rows)
    steps = [snapshot.step for snapshot in ran.snapshots]
    assert steps == [math.ceil(row * 5 * epochs / rows) for row in range(1, rows + 1)]
    assert [snapshot.epoch for snapshot in ran.snapshots] == [step / 5 for step in steps]
    assert len({tuple(snapshot.row.tolist()) for snapshot in ran.snapshots}) == rows
    assert all(snapshot.row.shape == (ran.layout.size,) for snapshot in ran.snapshots)


@pytest.mark.parametrize("train", [("linear.*",), ("hidden.*", "linear.bias"), ("*",)], ids=str)
def test_rows_are_those_of_plain_training(carry_out, small_network, train):
    """Whole networks on whole batches, without cut or cache: only the order of the images is taken over."""
    ran = carry_out(small_network(), train, epochs=3, rows=15, momentum=0.8, weight_decay=1e-2)
    network = small_network()
    chosen = [value for name, value in network.named_parameters() if name in ran.layout.names]
    optimiser = torch.optim.SGD(chosen, 0.05, momentum=0.8, weight_decay=1e-2)
    draw, rows, losses = randomness.generator(0, "phase", *train), [], []
    for _ in range(3):
        for batch in torch.randperm(40, generator=draw).split(8):
            logits = network(carry_out.images[batch].float() / 255)
            losses.append(nn.functional.cross_entropy(logits, carry_out.labels[batch]))
            network.zero_grad()
            losses[-1].backward()
            optimiser.step()
            rows.append(ran.layout.flatten(network.state_dict()))
    torch.testing.assert_close(
        torch.stack([each.row for each in ran.snapshots]), torch.stack(rows), rtol=1e-4, atol=1e-6
    )
    assert ran.record.curve.y == pytest.approx([loss.item() for loss in losses], rel=1e-4)
    assert ran.record.curve.x == pytest.approx([step / 5 for step in range(1, 16)])


@pytest.mark.parametrize("kind", ["conv_net", "cifar_resnet"])
@pytest.mark.parametrize("buffers", ["frozen", "snapshot", "recalibrate"])
def test_live_accuracy_is_that_of_the_whole_network(carry_out, small_network, kind, buffers):
    network = small_network(kind)
    images, labels = carry_out.validation
    modes, found = [], []

    def remember_modes(*done):
        modes.append([module.training for module in network.modules()])

    def look(snapshot):
        remember_modes()
        with torch.no_grad():
            predicted = copy.deepcopy(network).eval()(images.float() / 255).argmax(1)
        found.append((snapshot.accuracy, (predicted == labels).double().mean().item()))

    train = ("linear.*",) if kind == "conv_net" else ("layer4.1.bn2.*", "linear.*")
    carry_out(network, train, rows=10, buffers=buffers, learning_rate=0.5, on_snapshot=look, on_step=remember_modes)
    assert [live for live, _ in found] == pytest.approx([whole for _, whole in found])
    assert len({live for live, _ in found}) > 1
    assert all(mode == modes[0] for mode in modes)  # before the first look, and after each


def test_the_seed_decides_the_rows(carry_out, small_network):
    def rows(seed):
        return torch.stack([each.row for each in carry_out(small_network(), rows=4, seed=seed).snapshots])

    assert torch.equal(rows(1), rows(1))
    assert not torch.equal(rows(1), rows(2))


def test_each_image_passes_the_frozen_part_once_per_view(carry_out, small_network):
    network, seen = small_network(), []
    network.features[0].register_forward_hook(lambda layer, given, result: seen.append(len(given[0])))
    ran = carry_out(network, rows=2, views=3, epochs=4)
    assert ran.record.prefix_passes == sum(seen)
    assert sum(seen) == 3 * 40 + 23 + 2  # and one image of each set to learn the size of the cache


def test_a_cache_that_does_not_fit_stops_before_anything_runs(carry_out, small_network):
    network, told = small_network(), []
    before = copy.deepcopy(network.state_dict())
    # 3 views of 40 vectors of 8 numbers of 4 bytes, and not a byte less
    carry_out(small_network(), views=3, cache_bytes=3 * 40 * 8 * 4)
    with pytest.raises(BadSetting, match="keeping 3 views of 40 images") as error:
        carry_out(network, views=3, cache_bytes=3 * 40 * 8 * 4 - 1, on_step=lambda *done: told.append(done))
    assert "views" in error.value.remedy
    assert not told
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_more_rows_than_steps_are_refused(carry_out, small_network):
    network = small_network()
    with pytest.raises(BadSetting, match="11 rows cannot be kept in 10 steps"):
        carry_out(network, rows=11)
    assert all(value.requires_grad for value in network.parameters())


def test_a_batch_larger_than_the_data_is_all_of_it(carry_out, small_network):
    ran = carry_out(small_network(), rows=3, epochs=3, batch_size=100)
    assert [snapshot.step for snapshot in ran.snapshots] == [1, 2, 3]


def test_a_loss_that_is_no_number_stops_with_its_step(carry_out, small_network):
    with pytest.raises(Diverged, match="the loss of base training became") as error:
        carry_out(small_network(), ("*",), learning_rate=1e6, momentum=0.99, weight_decay=10.0, epochs=20)
    assert 1 < error.value.step < 100


def test_progress_is_told(carry_out, small_network):
    told = []
    carry_out(small_network(), rows=2, views=2, on_step=lambda *done: told.append(done))
    assert told[:2] == [("prefix", 1, 2), ("prefix", 2, 2)]
    assert told[2:] == [("collection", done, 10) for done in range(1, 11)]


def rates(carry_out, small_network, **training):
    """The learning rate of each of 20 steps."""
    ran = carry_out(small_network(), epochs=4, rows=20, learning_rate=0.4, **training)
    return [snapshot.learning_rate for snapshot in ran.snapshots]


def test_constant_and_cosine_learning_rates(carry_out, small_network):
    assert rates(carry_out, small_network, schedule="constant") == [0.4] * 20
    expected = [0.2 * (1 + math.cos(math.pi * step / 20)) for step in range(20)]
    assert rates(carry_out, small_network, schedule="cosine") == pytest.approx(expected)


def test_learning_rates_in_steps(carry_out, small_network):
    found = rates(carry_out, small_network, schedule="steps", milestones=(0.25, 0.5, 0.9), decay=0.5)
    assert found == pytest.approx([0.4] * 5 + [0.2] * 5 + [0.1] * 8 + [0.05] * 2)


def test_one_cycle_rises_over_a_quarter_and_falls_to_zero(carry_out, small_network):
    found = rates(carry_out, small_network, schedule="one_cycle")
    top = found.index(max(found))
    assert top in (4, 5)
    assert max(found) == pytest.approx(0.4, rel=0.05)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert found[0] < 0.1 * 0.4
    assert found[-1] < 0.02 * 0.4
