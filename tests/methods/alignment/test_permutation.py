"""Orders of hidden units: of whole networks, of rows, there and back."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from methods.alignment.permutation import inverse, permute, row_order
from methods.errors import BadSetting
from methods.layout import choose
from tests.methods.alignment.networks import GROUPS, images, network, orders


def test_the_function_stays_and_the_inverse_brings_every_number_back():
    module = network()
    state = module.state_dict()
    permuted = permute(state, GROUPS, orders())
    x = images(5) / 255
    with torch.no_grad():
        torch.testing.assert_close(functional_call(module, permuted, (x,)), module(x), rtol=1e-4, atol=1e-4)
    assert not torch.equal(permuted["inner.weight"], state["inner.weight"])
    again = permute(permuted, GROUPS, inverse(orders()))
    assert all(torch.equal(again[name], value) for name, value in state.items())


def test_the_order_names_the_old_place_of_the_unit_that_comes_to_each_place():
    groups = {"g": (2, (("w", 1, 2, 1), ("v", 0, 1, 3)), None)}
    state = {"w": torch.arange(8).view(2, 4), "v": torch.arange(6), "other": torch.arange(2)}
    permuted = permute(state, groups, {"g": torch.tensor([1, 0])})
    assert permuted["w"].tolist() == [[2, 3, 0, 1], [6, 7, 4, 5]]  # repeat: neighbours stay together
    assert permuted["v"].tolist() == [1, 0, 3, 2, 5, 4]  # copies: each run by itself
    assert permuted["other"].tolist() == [0, 1]
    assert permute({"v": state["v"]}, groups, {"g": torch.tensor([1, 0])}).keys() == {"v"}


@pytest.mark.parametrize("buffers", ["frozen", "snapshot"])
def test_rows_of_a_layout_are_those_of_the_permuted_networks(buffers):
    first, second = network(1), network(2)
    layout = choose(first, ["inner*", "norm.*", "hidden.weight", "head.*"], buffers=buffers)
    rows = torch.stack([layout.flatten(each.state_dict()) for each in (first, second)])
    expected = [layout.flatten(permute(each.state_dict(), GROUPS, orders())) for each in (first, second)]
    assert torch.equal(rows[:, row_order(layout, GROUPS, orders())], torch.stack(expected))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"hiden": torch.arange(10)}, "hiden"),
        ({"hidden": torch.arange(9)}, "10 units"),
        ({"hidden": torch.zeros(10, dtype=torch.int64)}, "10 units"),
    ],
)
def test_what_is_no_permutation_is_refused(order, said):
    with pytest.raises(BadSetting, match=said):
        permute(network().state_dict(), GROUPS, order)


def test_groups_of_another_size_of_images_are_refused():
    state = {**network().state_dict(), "hidden.weight": nn.Linear(24, 10).weight}
    with pytest.raises(BadSetting, match=r"hidden.weight of shape \(10, 24\)"):
        permute(state, GROUPS, orders())
