"""Rows of the last layers as sets of hidden units: which numbers of a row belong to the same unit.

Permuting a network's hidden units permutes these sets and changes nothing else, so that whatever treats the units of a
group alike needs no alignment of networks to one another (Navon et al., "Equivariant Architectures for Learning in Deep
Weight Spaces", arXiv 2301.12780; here units are nodes, since no kept tensor lies between two groups).
"""

import dataclasses
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.alignment.permutation import Groups, by_unit
from methods.errors import BadSetting
from methods.layout import Layout


@dataclasses.dataclass(frozen=True)
class Head:
    """A linear layer that reads the units of `group`: the columns of its bias, and those of its weight."""

    group: str
    bias: Int[Tensor, " outputs"]
    weight: Int[Tensor, "outputs units"]


@dataclasses.dataclass(frozen=True)
class Units:
    """Per group the columns of a row that hold its units' numbers; `rest` are those of no unit, the head's bias."""

    groups: dict[str, Int[Tensor, "units numbers"]]
    rest: Int[Tensor, " r"]
    heads: tuple[Head, ...]

    @classmethod
    def of(cls, layout: Layout, groups: Groups) -> "Units":
        """Raises `BadSetting` where a number belongs to units of two groups, or where units show nowhere."""
        places = torch.arange(layout.size)
        tensors = {e.name: places[e.offset : e.offset + e.size].reshape(e.shape) for e in layout.entries}
        found = {
            name: torch.cat([by_unit(tensors[axis[0]], axis) for axis in axes if axis[0] in tensors], dim=1)
            for name, (_, axes, _) in groups.items()
            if any(axis[0] in tensors for axis in axes)
        }
        owned = torch.cat([places[:0], *(columns.flatten() for columns in found.values())])
        hidden = [name for name in found if groups[name][2] is None]
        if len(owned) > len(owned.unique()) or hidden:
            raise BadSetting(
                problem=f"units that show nowhere: {', '.join(hidden)}"
                if hidden
                else "the rows hold weights between two groups of hidden units",
                remedy="keep norms and the head only (strategy.keep), as layer4.1.bn* and linear.*",
            )
        rest = places[~torch.isin(places, owned)]
        heads = tuple(
            Head(name, tensors[f"{axis[0].removesuffix('.weight')}.bias"], tensors[axis[0]])
            for name in found
            for axis in groups[name][1]
            if tuple(axis[1:]) == (1, 1, 1) and f"{axis[0].removesuffix('.weight')}.bias" in tensors
        )
        return cls(found, rest, heads)

    @property
    def indices(self) -> list[Int[Tensor, "units numbers"]]:
        """Of every group, then of the rest as one unit, where there is any."""
        return [*self.groups.values(), *([self.rest[None]] if len(self.rest) else [])]

    @cached_property
    def order(self) -> Int[Tensor, " D"]:
        """The columns unit by unit."""
        return torch.cat([index.flatten() for index in self.indices])

    def cut(self, flat: Float[Tensor, "n D"]) -> list[Float[Tensor, "n units numbers"]]:
        """Of rows whose columns lie in `order`, the units of every group and of the rest."""
        sizes = [index.numel() for index in self.indices]
        parts = zip(flat.split(sizes, dim=1), self.indices, strict=True)
        return [part.unflatten(1, tuple(index.shape)) for part, index in parts]

    def levelled(self, row: Float[Tensor, " D"]) -> Float[Tensor, " D"]:
        """All units of a group get the mean of their numbers: a row that looks the same in any order of the units."""
        level = row.clone()
        for columns in self.groups.values():
            level[columns] = row[columns].mean(0)
        return level
