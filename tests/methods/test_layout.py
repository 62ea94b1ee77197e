"""Rows: what goes in comes out bit for bit, wherever it was put and in whatever order it was asked for."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from methods.errors import BadSetting
from methods.layout import Layout, choose

LAYERS = [
    lambda: nn.Conv2d(2, 3, 3),
    lambda: nn.Conv2d(1, 2, 1, bias=False),
    lambda: nn.BatchNorm2d(3),
    lambda: nn.BatchNorm1d(1),
    lambda: nn.Linear(4, 2),
    lambda: nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(2)),
]
SPECIAL = torch.tensor([-0.0, 0.0, 1e-45, -1e-45, float("inf"), float("-inf"), 3.4e38, 1.0])


@st.composite
def cases(draw):
    """A network whose parameters hold any bit pattern that is no NaN, and some patterns of its names."""
    network = nn.Sequential(*(make() for make in draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5))))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    with torch.no_grad():
        for value in network.parameters():
            bits = torch.randint(-(2**31), 2**31, value.shape, generator=random).to(torch.int32).view(torch.float32)
            special = SPECIAL[torch.randint(len(SPECIAL), value.shape, generator=random)]
            value.copy_(torch.where(bits.isnan() | (torch.rand(value.shape, generator=random) < 0.3), special, bits))
        for name, value in network.named_buffers():
            if name.endswith("running_var"):
                value.copy_(torch.exp(4 * torch.randn(value.shape, generator=random)))
    names = [name for name, _ in network.named_parameters()]
    globs = [*names, *{f"{name.rpartition('.')[0]}.*" for name in names}]
    patterns = draw(st.lists(st.sampled_from(sorted(globs)), min_size=1, max_size=4, unique=True))
    return network, patterns, draw(st.sampled_from(["frozen", "snapshot", "recalibrate"]))


def bits(value):
    return value.detach().contiguous().view(torch.int32)


@settings(deadline=None, max_examples=80)
@given(cases())
def test_restore_after_flatten_is_the_same_bits(case):
    network, patterns, buffers = case
    layout = choose(network, patterns, buffers=buffers)
    state = network.state_dict()
    row = layout.flatten(state)
    assert row.dtype == torch.float32
    assert row.shape == (layout.size,)
    restored = layout.restore(row)
    assert set(restored) == set(layout.names)
    for entry in layout.entries:
        if entry.transform == "identity":
            assert torch.equal(bits(restored[entry.name]), bits(state[entry.name]))
        else:  # a logarithm below 20 in absolute value, rounded to float32
            torch.testing.assert_close(restored[entry.name], state[entry.name], rtol=5e-6, atol=0)
    assert any("running" in name for name in layout.names) <= (buffers == "snapshot")


@settings(deadline=None, max_examples=50)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_patterns_changes_nothing(case, random):
    network, patterns, buffers = case
    shuffled = random.sample(patterns, len(patterns))
    assert choose(network, shuffled, buffers=buffers) == choose(network, patterns, buffers=buffers)


@settings(deadline=None, max_examples=50)
@given(cases())
def test_entries_tile_the_row(case):
    network, patterns, buffers = case
    layout = choose(network, patterns, buffers=buffers)
    ends = [0]
    for entry in layout.entries:
        assert entry.offset == ends[-1]
        assert entry.size == network.state_dict()[entry.name].numel()
        ends.append(entry.offset + entry.size)
    assert ends[-1] == layout.size == sum(layout.sizes)


def trained_norms():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))


def test_snapshot_takes_the_statistics_of_chosen_norms_and_of_no_others():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    assert choose(network, ["1.weight"], buffers="frozen").names == ("1.weight",)
    assert choose(network, ["1.weight"], buffers="snapshot").names == ("1.weight", "1.running_mean", "1.running_var")
    network[1].running_var.copy_(torch.tensor([1e-6, 1e6]))
    layout = choose(network, ["1.weight"], buffers="snapshot")
    assert layout.flatten(network.state_dict())[-2:].tolist() == pytest.approx([-13.815511, 13.815511], rel=1e-6)


@pytest.mark.parametrize("pattern", ["*", "3.weight"])  # many tensors, and one that a view would do for
def test_a_row_owns_its_memory(pattern):
    network = trained_norms()
    layout = choose(network, [pattern], buffers="snapshot")
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    first = layout.flatten(network.state_dict())
    kept = first.clone()
    network(torch.randn(5, 1, 4, 4)).square().sum().backward()
    optimiser.step()
    second = layout.flatten(network.state_dict())
    assert torch.equal(first, kept)
    assert (first != second).float().mean() > 0.9


def test_many_rows_are_restored_as_one_by_one():
    layout = choose(trained_norms(), ["0.*", "1.*"], buffers="snapshot")
    rows = torch.randn(2, 3, layout.size, generator=torch.Generator().manual_seed(1))
    together = layout.restore(rows)
    for i in range(2):
        for j in range(3):
            for name, value in layout.restore(rows[i, j]).items():
                assert torch.equal(together[name][i, j], value)


def test_a_pattern_without_match_is_named_and_so_is_the_choice():
    with pytest.raises(BadSetting, match=r"no parameter matches the pattern 'linear\.\*'") as error:
        choose(trained_norms(), ["0.*", "linear.*"])
    assert "1.weight" in error.value.remedy


def test_a_row_of_another_length_is_refused():
    layout = choose(trained_norms(), ["1.*"])
    with pytest.raises(BadSetting, match="a row of 7 numbers does not fit a layout of 6"):
        layout.restore(torch.zeros(7))


@pytest.mark.parametrize("buffers", ["frozen", "snapshot", "recalibrate"])
def test_json_and_back(buffers):
    layout = choose(trained_norms(), ["1.*", "3.bias"], buffers=buffers)
    stored = Layout.from_json(json.loads(json.dumps(layout.to_json())))
    assert stored == layout
    assert stored.digest == layout.digest


def test_the_digest_tells_layouts_apart():
    network = trained_norms()
    wider = nn.Sequential(nn.Conv2d(1, 3, 5), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    layouts = [choose(network, ["1.*"], buffers=buffers) for buffers in ("frozen", "snapshot", "recalibrate")]
    layouts += [choose(network, ["1.weight"]), choose(network, ["0.*"]), choose(wider, ["0.*"])]
    assert len({layout.digest for layout in layouts}) == len(layouts)
    assert choose(network, ["1.*"]).digest == layouts[0].digest
