"""Matching hidden units by their weights alone: no images are needed."""

import dataclasses
from collections.abc import Mapping, Set
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.alignment.assignment import Matching, assign
from methods.alignment.permutation import Axis, Groups, Permutations, by_unit, permute
from methods.errors import BadSetting
from methods.progress import OnStep, silent

ROUNDING = 1e-6
"""A gain below this share of what is gained already is float32's rounding, and would never end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WeightMatching:
    """Ainsworth et al., "Git Re-Basin", arXiv 2209.04836, Algorithm 1: coordinate descent over the groups.

    Each sweep visits the groups in a random order and solves each exactly, the others standing still; the descent ends
    at a sweep that changes nothing, a local optimum, or after `sweeps`.

    unit_norms: every tensor is divided by its norm first, which the paper does not do. Before a batch norm the scale of
    a tensor means nothing, and the largest tensors would decide alone.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["weights"] = "weights"
    sweeps: Annotated[int, Ge(1)] = 100
    unit_norms: bool = False

    @torch.no_grad()
    def __call__(
        self,
        a: Mapping[str, Tensor],
        b: Mapping[str, Tensor],
        groups: Groups,
        *,
        seed: int,
        start: Permutations | None = None,
        on_step: OnStep = silent,
    ) -> Matching:
        """The units of b matched to those of a, from the tensors that both mappings hold.

        The paper takes all parameters and no running statistics; a few of them are enough to match the groups that they
        touch. start: orders to begin with, else those in which the units come.

        Raises `BadSetting` where no group has any tensor in both, and where one tensor holds one group on two axes,
        which makes no linear assignment.
        """
        axes = _held(a.keys() & b.keys(), groups)
        if self.unit_norms:
            a, b = _unit(a), _unit(b)
        names = list(axes)
        permutations = {name: torch.arange(groups[name][0]) for name in names} | dict(start or {})
        draw = randomness.generator(seed, "weight matching")
        for sweep in range(self.sweeps):
            changed = False
            for place in torch.randperm(len(names), generator=draw).tolist():
                name = names[place]
                others = {other: order for other, order in permutations.items() if other != name}
                moved = permute({axis[0]: b[axis[0]] for axis in axes[name]}, groups, others)
                similarity = _similarity(a, moved, axes[name])
                order = assign(similarity)
                gain = similarity.gather(1, torch.stack([order, permutations[name]], 1).to(similarity.device)).sum(0)
                if gain[0] - gain[1] > ROUNDING * gain.abs().sum():
                    permutations[name], changed = order, True
            on_step("match", sweep + 1, self.sweeps)
            if not changed:
                break
        return Matching(
            permutations=permutations,
            before=_cosines(a, b, axes),
            after=_cosines(a, permute(b, groups, permutations), axes),
        )


def _unit(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tiny = torch.finfo(torch.float32).tiny
    return {name: value / value.norm().clamp_min(tiny) for name, value in tensors.items()}


def _held(tensors: Set[str], groups: Groups) -> dict[str, list[Axis]]:
    """Per group the axes whose tensors are there; groups that have none are left out."""
    axes = {name: [axis for axis in group[1] if axis[0] in tensors] for name, group in groups.items()}
    for name, held in axes.items():
        if len({axis[0] for axis in held}) < len(held):
            raise BadSetting(
                problem=f"a tensor holds the units of {name!r} on two of its axes",
                remedy="match this architecture by activations",
            )
    axes = {name: held for name, held in axes.items() if held}
    if not axes:
        raise BadSetting(
            problem=f"no hidden units can be matched by {sorted(tensors)[:8]}",
            remedy="give parameters that the network's permutation groups name",
        )
    return axes


def _similarity(a: Mapping[str, Tensor], b: Mapping[str, Tensor], axes: list[Axis]) -> Float[Tensor, "units units"]:
    """Inner products of all the weights of each unit of a with those of each unit of b."""
    return torch.stack([by_unit(a[axis[0]], axis) @ by_unit(b[axis[0]], axis).T for axis in axes]).sum(0)


def _cosines(a: Mapping[str, Tensor], b: Mapping[str, Tensor], axes: Mapping[str, list[Axis]]) -> dict[str, float]:
    """Between all the weights of a group in a and in b, taken as two vectors."""
    cosines = {}
    for name, held in axes.items():
        of_a, of_b = (torch.cat([state[axis[0]].flatten().double() for axis in held]) for state in (a, b))
        cosines[name] = torch.cosine_similarity(of_a, of_b, dim=0).item()
    return cosines
