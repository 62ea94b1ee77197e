"""Phases that begin with new values, draw their batch size, find their own end, and keep rows after it."""

import copy
import dataclasses

import pytest
import torch

from methods.collection.loop import Record, run_phase
from methods.collection.phase import Phase, Reinitialise, Training
from methods.collection.reinitialise import reinitialise
from methods.errors import BadSetting
from methods.layout import choose


@pytest.fixture
def go(carry_out):
    """Runs a phase of the whole network, of which `linear.*` is kept; returns record and snapshots."""

    def run(network, phase, *, seed=0):
        record = Record()
        layout = choose(network, ("linear.*",))
        snapshots = run_phase(
            network,
            phase,
            layout,
            images=carry_out.images,
            labels=carry_out.labels,
            validation=carry_out.validation,
            augment=lambda images, draw: images,
            seed=seed,
            cache_bytes=2**20,
            record=record,
        )
        return list(snapshots), record

    return run


def phase(**fields):
    training = Training(epochs=fields.pop("epochs", 4), batch_size=8, learning_rate=0.05)
    return Phase(train=("*",), training=training, **fields)


@pytest.mark.parametrize(("linger", "rows"), [(1.0, 4), (2.0, 8), (0.1, 1), (0.6, 3)])
def test_a_goal_out_of_reach_takes_all_epochs_and_lingers(go, small_network, linger, rows):
    snapshots, record = go(small_network(), phase(until=1.0, linger=linger))
    assert [each.epoch for each in snapshots] == [4.0 + row for row in range(1, rows + 1)]
    assert (record.epochs, record.steps) == (4 + rows, 5 * (4 + rows))


def test_a_goal_that_is_reached_at_once_takes_one_epoch(go, small_network):
    snapshots, record = go(small_network(), phase(until=0.0, linger=2.0))
    assert [each.step for each in snapshots] == [10, 15]
    assert record.epochs == 3


def test_the_goal_is_the_accuracy_on_validation(go, small_network, carry_out):
    """Epoch by epoch: it ends after the first that is above the goal, where plain training goes on.

    The goal lies just below the best epoch's accuracy: whatever a machine's rounding makes of the curve, one epoch is
    above it.
    """
    plain, _ = go(small_network("cifar_resnet"), phase(epochs=12, rows=12))
    live = [each.accuracy for each in plain]
    end = 1 + live.index(max(live))
    goal = max(live) - 1e-6
    network = small_network("cifar_resnet")
    _, record = go(network, phase(epochs=12, until=goal))
    assert record.epochs == end
    assert torch.equal(choose(network, ("linear.*",)).flatten(network.state_dict()), plain[end - 1].row)


def test_without_a_goal_it_lingers_after_all_epochs(go, small_network):
    snapshots, _ = go(small_network(), phase(linger=0.5))
    assert [each.epoch for each in snapshots] == [5.0, 6.0]


def test_batch_sizes_are_drawn_by_the_seed(go, small_network):
    sizes = (4, 8, 20)
    steps = [go(small_network(), phase(epochs=1, batch_sizes=sizes), seed=seed)[1].steps for seed in range(12)]
    assert set(steps) == {40 // size for size in sizes}
    assert steps == [go(small_network(), phase(epochs=1, batch_sizes=sizes), seed=seed)[1].steps for seed in range(12)]


def test_only_what_is_named_gets_new_values(small_network):
    network = small_network("cifar_resnet")
    before = copy.deepcopy(network.state_dict())
    how = Reinitialise(names=("conv1.*", "bn1.*", "layer1.*.conv*"))
    reinitialise(network, how, seed=3)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    kernels = {f"layer1.{block}.conv{number}.weight" for block in (0, 1) for number in (1, 2)}
    assert moved == {"conv1.weight", "bn1.weight", "bn1.bias"} | kernels
    again = small_network("cifar_resnet", seed=1)
    reinitialise(again, how, seed=3)
    assert all(torch.equal(again.state_dict()[name], network.state_dict()[name]) for name in moved)


@pytest.mark.parametrize("kernels", ["kaiming_normal", "kaiming_uniform"])
def test_new_values_have_the_variance_of_their_scheme(kernels):
    network = torch.nn.Sequential(torch.nn.Conv2d(8, 64, 3), torch.nn.Linear(100, 50))
    reinitialise(network, Reinitialise(names=("*",), kernels=kernels, vectors=0.5), seed=0)
    for layer, fan_out in ((network[0], 64 * 9), (network[1], 50)):
        assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
        assert 0.3 < layer.bias.abs().max().item() <= 0.5


def test_a_phase_begins_with_the_new_values(go, small_network):
    how = Reinitialise(names=("linear.*",))
    still = dataclasses.replace(phase(epochs=1, rows=1), reinitialise=how)
    still = dataclasses.replace(still, training=dataclasses.replace(still.training, learning_rate=1e-12))
    network, twin = small_network(), small_network()
    snapshots, _ = go(network, still, seed=5)
    reinitialise(twin, how, seed=5)
    expected = choose(twin, ("linear.*",)).flatten(twin.state_dict())
    torch.testing.assert_close(snapshots[0].row, expected, rtol=0, atol=1e-6)


def test_an_unknown_name_is_refused(go, small_network):
    with pytest.raises(BadSetting, match=r"no parameter matches the pattern 'layer9\.\*'"):
        go(small_network(), phase(reinitialise=Reinitialise(names=("layer9.*",))))


def test_the_order_of_names_decides_nothing(carry_out, small_network):
    names = ("layer4.1.bn1.*", "layer4.1.bn2.*", "linear.*")
    one = carry_out(small_network("cifar_resnet"), names, rows=4)
    two = carry_out(small_network("cifar_resnet"), names[::-1], rows=4)
    assert all(torch.equal(a.row, b.row) for a, b in zip(one.snapshots, two.snapshots, strict=True))
