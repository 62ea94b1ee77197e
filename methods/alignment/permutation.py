"""Hidden units in another order: the same function of a network, other numbers in its tensors."""

from collections.abc import Collection, Mapping

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from methods.errors import BadSetting
from methods.layout import Layout

Axis = tuple[str, int, int, int]
"""Tensor name, axis, repeat, copies: an axis of length copies·units·repeat, in this order of nesting."""
Seen = tuple[str, int]
"""A submodule, and the axis of its output that has one entry per unit."""
Group = tuple[int, tuple[Axis, ...], Seen | None]
"""How many units, the axes that hold them, and where they show."""
Groups = Mapping[str, Group]
"""As an architecture declares them."""
Permutations = Mapping[str, Int[Tensor, " units"]]
"""Per group, the old place of the unit that comes to each place; a group that is missing keeps its order."""


def permute(state: Mapping[str, Tensor], groups: Groups, permutations: Permutations) -> dict[str, Tensor]:
    """The tensors of a network, or some of them, with their hidden units in the order of `permutations`.

    Raises `BadSetting` for an unknown group, an order that is no permutation, or a tensor that the group does not fit.
    """
    permuted = dict(state)
    for name, order in permutations.items():
        if name not in groups:
            raise BadSetting(
                problem=f"the network has no permutation group {name!r}", remedy="choose from: " + ", ".join(groups)
            )
        units, axes, _ = groups[name]
        if not torch.equal(order.sort().values.cpu(), torch.arange(units)):
            raise BadSetting(
                problem=f"the order given for {name!r} does not name each of its {units} units once",
                remedy="match two networks of one architecture",
            )
        for tensor, axis, repeat, copies in axes:
            if tensor in permuted:
                permuted[tensor] = _reordered(permuted[tensor], order, (tensor, axis, repeat, copies))
    return permuted


def row_order(layout: Layout, groups: Groups, permutations: Permutations) -> Int[Tensor, " d"]:
    """For rows (n, d) of this layout: `rows[:, row_order(...)]` are the same models, their hidden units permuted.

    Nothing is computed with the numbers, so that they stay what they are bit for bit, logarithms of variances too.
    """
    places = torch.arange(layout.size)
    tensors = {
        entry.name: places[entry.offset : entry.offset + entry.size].reshape(entry.shape) for entry in layout.entries
    }
    permuted = permute(tensors, groups, permutations)
    return torch.cat([permuted[name].reshape(-1) for name in layout.names])


def touched(groups: Groups, names: Collection[str]) -> dict[str, Group]:
    """The groups whose units lie in any of the named tensors."""
    return {name: group for name, group in groups.items() if any(axis[0] in names for axis in group[1])}


def inverse(permutations: Permutations) -> dict[str, Int[Tensor, " units"]]:
    """What takes every unit back to where it came from."""
    return {name: order.argsort() for name, order in permutations.items()}


def by_unit(value: Shaped[Tensor, "..."], axis: Axis) -> Shaped[Tensor, "units numbers"]:
    """All numbers of a tensor, one line per unit."""
    _, place, repeat, copies = axis
    return value.unflatten(place, (copies, -1, repeat)).movedim(place + 1, 0).flatten(1)


def _reordered(value: Tensor, order: Int[Tensor, " units"], axis: Axis) -> Tensor:
    tensor, place, repeat, copies = axis
    if value.ndim <= place or value.shape[place] != copies * len(order) * repeat:
        raise BadSetting(
            problem=f"{tensor} of shape {tuple(value.shape)} does not have {len(order)} units on axis {place}",
            remedy="declare the groups for the same network and the same size of images",
        )
    split = value.unflatten(place, (copies, len(order), repeat))
    return split.index_select(place + 1, order.to(value.device)).flatten(place, place + 2)
