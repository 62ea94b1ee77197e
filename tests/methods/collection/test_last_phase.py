"""`last_phase`: its second phase moves the kept parameters and, by the policy, their statistics; nothing else."""

import copy

import pytest
import torch
from torch import nn

from methods.collection.strategy import LastPhase, Training

KEEP = ("layer4.1.bn*",)


def strategy(buffers="frozen"):
    return LastPhase(keep=KEEP, buffers=buffers, first=Training(epochs=3), then=Training(epochs=4), rows=8, views=2)


def test_the_plan():
    first, then = strategy().phases()
    assert (first.train, first.training.epochs, first.rows) == (("*",), 3, 0)
    assert (then.train, then.training.epochs, then.rows, then.views) == (KEEP, 4, 8, 2)


@pytest.fixture
def base(carry_out, small_network):
    network = small_network("cifar_resnet")
    carry_out(network, strategy().phases()[0].train)
    return network


def changed(before, network):
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def test_the_first_phase_moves_everything(carry_out, small_network):
    network = small_network("cifar_resnet")
    before = copy.deepcopy(network.state_dict())
    carry_out(network, strategy().phases()[0].train)
    assert changed(before, network) == set(before)


PARAMETERS = {f"layer4.1.{norm}.{name}" for norm in ("bn1", "bn2") for name in ("weight", "bias")}
STATISTICS = {f"layer4.1.{norm}.{name}" for norm in ("bn1", "bn2") for name in ("running_mean", "running_var")}
COUNTERS = {f"layer4.1.{norm}.num_batches_tracked" for norm in ("bn1", "bn2")}


@pytest.mark.parametrize(
    ("buffers", "moved"),
    [
        ("frozen", PARAMETERS),
        ("snapshot", PARAMETERS | STATISTICS | COUNTERS),
        ("recalibrate", PARAMETERS | STATISTICS | COUNTERS),
    ],
)
def test_all_other_tensors_stay_bit_for_bit(carry_out, base, buffers, moved):
    before = copy.deepcopy(base.state_dict())
    ran = carry_out(base, KEEP, rows=4, buffers=buffers)
    assert changed(before, base) == moved
    assert set(ran.layout.names) == PARAMETERS | (STATISTICS if buffers == "snapshot" else set())


def test_statistics_are_those_of_plain_training(carry_out, base):
    """Chosen norms in train mode, all others in eval mode: the rows hold what a whole forward pass would have left."""
    twin = copy.deepcopy(base).eval()
    for norm in (twin.layer4[1].bn1, twin.layer4[1].bn2):
        norm.train()
    order = []
    ran = carry_out(
        base, KEEP, rows=1, epochs=1, batch_size=40, buffers="snapshot", learning_rate=1e-12, on_snapshot=order.append
    )
    with torch.no_grad():
        twin(carry_out.images.float() / 255)
    expected = ran.layout.flatten(twin.state_dict())
    torch.testing.assert_close(ran.snapshots[0].row, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("buffers", ["frozen", "snapshot"])
def test_a_row_written_back_into_the_base_is_the_live_network(carry_out, base, buffers):
    """What re-evaluation relies on: all that differs from the base is in the row."""
    twin, (images, labels) = copy.deepcopy(base), carry_out.validation
    ran = carry_out(base, KEEP, rows=6, buffers=buffers, learning_rate=1.0)
    for snapshot in ran.snapshots:
        twin.load_state_dict(twin.state_dict() | ran.layout.restore(snapshot.row))
        with torch.no_grad():
            accuracy = (twin.eval()(images.float() / 255).argmax(1) == labels).double().mean().item()
        assert snapshot.accuracy == pytest.approx(accuracy)


def test_only_chosen_norms_train_where_statistics_move(carry_out, base):
    for buffers, expected in (("frozen", set()), ("snapshot", {"layer4.1.bn1", "layer4.1.bn2"})):
        carry_out(base, KEEP, rows=1, buffers=buffers)
        norms = {
            name for name, module in base.named_modules() if isinstance(module, nn.BatchNorm2d) and module.training
        }
        assert norms == expected
