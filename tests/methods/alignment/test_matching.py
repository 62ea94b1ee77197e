"""Both ways to match hidden units, on networks whose true matching is known."""

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from methods.alignment.activation_matching import ActivationMatching, activations, match_cached
from methods.alignment.assignment import assign
from methods.alignment.correlation import CrossCorrelation
from methods.alignment.permutation import inverse, permute, row_order
from methods.alignment.weight_matching import WeightMatching
from methods.errors import BadSetting
from methods.layout import choose
from tests.methods.alignment.networks import GROUPS, images, network, orders

PLACES = {name: group[2] for name, group in GROUPS.items()}


def shuffled(module, order):
    twin = copy.deepcopy(module)
    twin.load_state_dict(permute(module.state_dict(), GROUPS, order))
    return twin


def parameters(module):
    return dict(module.named_parameters())


def same(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("seed", range(5))
def test_activations_find_the_permutation_of_a_copy(seed):
    a, order = network(seed), orders(seed + 10)
    b = shuffled(a, order)
    matching = ActivationMatching(batch=7)(a, b, GROUPS, images(20))
    assert same(matching.permutations, inverse(order))
    assert min(matching.after.values()) == pytest.approx(1, abs=1e-5)
    assert max(matching.before.values()) < 0.7
    assert matching.likeness == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("unit_norms", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_weights_find_the_permutation_of_a_copy(seed, unit_norms):
    a, order = network(seed), orders(seed + 10)
    b = shuffled(a, order)
    matching = WeightMatching(unit_norms=unit_norms)(parameters(a), parameters(b), GROUPS, seed=seed)
    assert same(matching.permutations, inverse(order))
    assert min(matching.after.values()) == pytest.approx(1, abs=1e-6)
    aligned = permute(b.state_dict(), GROUPS, matching.permutations)
    assert all(torch.equal(aligned[name], value) for name, value in a.state_dict().items())


@pytest.mark.parametrize("match", ["activations", "weights"])
def test_layers_of_a_permuted_copy_fit_once_they_are_aligned(match):
    a = network(7)
    b, x = shuffled(a, orders(8)), images(20)
    if match == "weights":
        found = WeightMatching()(parameters(a), parameters(b), GROUPS, seed=0)
    else:
        found = ActivationMatching()(a, b, GROUPS, x)
    layout = choose(a, ["inner_norm.*", "head.*"], buffers="snapshot")
    row = layout.flatten(b.state_dict())
    with torch.no_grad():
        expected = a(x / 255)
        as_it_is = functional_call(a, layout.restore(row), (x / 255,))
        aligned = functional_call(a, layout.restore(row[row_order(layout, GROUPS, found.permutations)]), (x / 255,))
    torch.testing.assert_close(aligned, expected, rtol=1e-4, atol=1e-4)
    assert (as_it_is - expected).abs().max() > 0.1


@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_assignments_are_the_best_of_all(units, seed):
    similarity = torch.randn(units, units, generator=torch.Generator().manual_seed(seed))
    order = assign(similarity)
    assert sorted(order.tolist()) == list(range(units))
    best = max(sum(similarity[i, j] for i, j in enumerate(each)) for each in itertools.permutations(range(units)))
    assert similarity.gather(1, order[:, None]).sum() == pytest.approx(float(best), abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_one_hidden_layer_is_matched_as_well_as_by_trying_all_orders(seed):
    """With one group, Algorithm 1 is exact; ties to the other layer's weights are part of the sum."""
    draw = torch.Generator().manual_seed(seed)
    a, b = ({"w": torch.randn(5, 3, generator=draw), "v": torch.randn(2, 5, generator=draw)} for _ in range(2))
    groups = {"hidden": (5, (("w", 0, 1, 1), ("v", 1, 1, 1)), None)}

    def distance(order):
        moved = permute(b, groups, {"hidden": order})
        return sum((a[name] - moved[name]).square().sum() for name in a)

    found = WeightMatching()(a, b, groups, seed=0).permutations["hidden"]
    assert distance(found) <= min(distance(torch.tensor(each)) for each in itertools.permutations(range(5))) + 1e-5


def test_descent_never_ends_farther_away_and_a_better_start_is_kept():
    a, b = parameters(network(1)), parameters(network(2))
    plain = WeightMatching()(a, b, GROUPS, seed=0)
    assert plain.likeness > sum(plain.before.values()) / 3

    def agreement(matching):
        moved = permute(b, GROUPS, matching.permutations)
        return sum((a[name] * moved[name]).sum() for name in a).item()

    again = WeightMatching()(a, b, GROUPS, seed=5, start=plain.permutations)
    assert agreement(again) >= agreement(plain) - 1e-4
    one = WeightMatching(sweeps=1)(a, b, GROUPS, seed=0)
    assert agreement(one) <= agreement(plain) + 1e-4


def test_some_tensors_match_the_groups_that_they_touch():
    a, order = network(3), orders(4)
    b = shuffled(a, order)
    some = ["hidden.bias", "head.weight"]
    found = WeightMatching()({n: parameters(a)[n] for n in some}, {n: parameters(b)[n] for n in some}, GROUPS, seed=0)
    assert same(found.permutations, {"hidden": inverse(order)["hidden"]})


def test_one_group_on_two_axes_is_refused():
    square = {"w": torch.eye(3)}
    with pytest.raises(BadSetting, match="two of its axes"):
        WeightMatching()(square, square, {"g": (3, (("w", 0, 1, 1), ("w", 1, 1, 1)), None)}, seed=0)


def test_tensors_of_no_group_are_refused():
    with pytest.raises(BadSetting, match=r"head\.bias"):
        WeightMatching()({"head.bias": torch.ones(3)}, parameters(network()), GROUPS, seed=0)


def test_correlations_are_those_of_numpy_in_batches_and_with_constant_units():
    draw = torch.Generator().manual_seed(0)
    a, b = 30 + torch.randn(4, 50, generator=draw), torch.randn(4, 50, generator=draw)
    a[2] = 7.3  # a dead unit
    product = CrossCorrelation(a[:, :20], b[:, :20])
    product.add(a[:, 20:21], b[:, 20:21])
    product.add(a[:, 21:], b[:, 21:])
    alive = [0, 1, 3]
    expected = torch.corrcoef(torch.cat([a[alive], b]).double())[:3, 3:]
    torch.testing.assert_close(product.matrix()[alive], expected, rtol=0, atol=1e-5)
    assert product.matrix()[2].tolist() == [0, 0, 0, 0]


def test_cached_activations_match_as_the_networks_do():
    a, b, x = network(1), network(2), images(30)
    cached = [activations(each, PLACES, x / 255) for each in (a, b)]
    by_cache, by_network = match_cached(*cached), ActivationMatching(batch=8)(a, b, GROUPS, x)
    assert same(by_cache.permutations, by_network.permutations)
    assert by_cache.after == pytest.approx(by_network.after, abs=1e-5)
    assert all(by_cache.after[name] >= by_cache.before[name] for name in GROUPS)
    with pytest.raises(BadSetting, match="'inner'"):
        match_cached(cached[0], {name: value for name, value in cached[1].items() if name != "inner"})


def test_what_the_next_layer_overwrites_was_seen_before():
    module, x = network(), images(3) / 255
    seen = activations(module, PLACES, x)["inner"]
    with torch.no_grad():
        expected = module.inner_norm(module.inner(module.norm(module.stem(x)).relu()))
    assert torch.equal(seen, expected.movedim(1, 0).flatten(1))
    assert not any(part._forward_hooks for part in module.modules())


def test_a_group_that_no_module_shows_keeps_its_order():
    groups = {**GROUPS, "hidden": (*GROUPS["hidden"][:2], None)}
    a = network()
    assert ActivationMatching()(a, a, groups, images(4)).permutations.keys() == {"stream", "inner"}


def test_another_function_is_matched_less_well():
    assert ActivationMatching()(network(1), network(2), GROUPS, images(30)).likeness < 0.9


def test_with_unit_norms_no_tensor_decides_by_its_scale():
    """A tensor of the first network, times 1,000, tells of another order than all others do."""
    a, order = network(1), orders(11)
    state = permute(a.state_dict(), GROUPS, order)
    misled = {**state, "inner.bias": 1e3 * a.state_dict()["inner.bias"]}
    true = {**parameters(a), "inner.bias": 1e3 * parameters(a)["inner.bias"]}
    b = {name: misled[name] for name in true}
    wanted = inverse(order)["inner"]
    plain, unit = (WeightMatching(unit_norms=each)(true, b, GROUPS, seed=0) for each in (False, True))
    assert torch.equal(unit.permutations["inner"], wanted)
    assert not torch.equal(plain.permutations["inner"], wanted)
