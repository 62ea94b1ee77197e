"""Which numbers of a row belong to which hidden unit, and what a network shows of each."""

import pytest
import torch

from methods.alignment.permutation import permute, row_order
from methods.errors import BadSetting
from methods.generation.unit_statistics import UnitStatistics, readout
from methods.generation.units import Units
from methods.layout import choose
from tests.methods.alignment.networks import GROUPS, images, network, orders

KEPT = ("inner_norm.*", "head.*")
LABELS = torch.arange(60) % 3


def test_a_unit_has_its_norm_and_its_column_of_the_head():
    where = Units.of(choose(network(), KEPT), GROUPS)
    assert {name: tuple(columns.shape) for name, columns in where.groups.items()} == {
        "inner": (9, 2),
        "hidden": (10, 3),
    }
    assert len(where.rest) == 3
    assert sorted(where.order.tolist()) == list(range(9 + 9 + 30 + 3))


def test_the_head_is_known_by_its_weight_and_bias():
    layout = choose(network(), KEPT)
    (head,) = Units.of(layout, GROUPS).heads
    row = layout.flatten(network().state_dict())
    torch.testing.assert_close(row[head.weight], network().head.weight.detach())
    torch.testing.assert_close(row[head.bias], network().head.bias.detach())


def test_permuted_units_carry_the_same_numbers():
    layout, moved = choose(network(), KEPT), orders()
    where, row = Units.of(layout, GROUPS), layout.flatten(network().state_dict())
    permuted = row[row_order(layout, GROUPS, moved)]
    for name, columns in where.groups.items():
        assert torch.equal(permuted[columns], row[columns][moved[name]])
    assert torch.equal(where.levelled(permuted)[where.rest], row[where.rest])
    torch.testing.assert_close(where.levelled(permuted), where.levelled(row))


def test_a_row_is_cut_into_its_units():
    where = Units.of(choose(network(), KEPT), GROUPS)
    rows = torch.randn(4, 51)
    inner, hidden, rest = where.cut(rows[:, where.order])
    assert torch.equal(inner[2], rows[2][where.groups["inner"]])
    assert torch.equal(hidden[1], rows[1][where.groups["hidden"]])
    assert torch.equal(rest[0, 0], rows[0][where.rest])


def test_weights_between_two_groups_are_refused():
    with pytest.raises(BadSetting, match="between two groups"):
        Units.of(choose(network(), ("hidden.*",)), GROUPS)


@pytest.mark.parametrize("per_class", ["means", "readout"])
def test_what_is_shown_follows_the_units_and_forgets_the_kept_numbers(per_class):
    how, layout, moved = UnitStatistics(per_class=per_class, batch=25), choose(network(), KEPT), orders()
    level = Units.of(layout, GROUPS).levelled(layout.flatten(network(5).state_dict()))
    given = (layout, GROUPS, level, images(60), LABELS, 3)
    plain, other, permuted = network(), network(), network()
    other.load_state_dict(
        plain.state_dict() | {name: torch.full_like(plain.state_dict()[name], 7.0) for name in layout.names}
    )
    permuted.load_state_dict(permute(plain.state_dict(), GROUPS, moved))
    shown, blind, follows = how(plain, *given), how(other, *given), how(permuted, *given)
    for name, each in shown.statistics.items():
        assert torch.equal(blind.statistics[name], each)
        torch.testing.assert_close(follows.statistics[name], each[moved[name]], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(follows.means[name], shown.means[name][moved[name]], rtol=1e-3, atol=1e-5)


def test_moments_are_those_of_the_images():
    seen = torch.tensor([[1.0, 3.0, 5.0, 7.0]])
    found = UnitStatistics(per_class="means").of(seen, torch.tensor([0, 0, 1, 1]), 2)
    torch.testing.assert_close(found, torch.tensor([[4.0, 20**0.5 / 3**0.5, 2 / 3**0.5, -2.0, 2.0]]))


def test_a_readout_finds_the_unit_that_tells_the_class():
    draw = torch.Generator().manual_seed(0)
    wanted = torch.nn.functional.one_hot(torch.arange(400) % 2, 2).float()
    noise = torch.randn(400, generator=draw)
    # the second unit tells nothing by itself, but takes the first one's noise away: no moments of one unit show it
    seen = torch.stack([wanted[:, 0] + noise, noise])
    torch.testing.assert_close(
        readout(seen, wanted, 1e-6), torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), rtol=1e-3, atol=1e-3
    )
    assert readout(torch.ones(2, 400), wanted, 0.1).abs().max() == 0
