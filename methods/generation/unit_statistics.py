"""What a network shows of each hidden unit once its own kept layers are taken out: moments of what it responds with."""

import copy
import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import one_hot

from methods.alignment.activation_matching import activations
from methods.alignment.permutation import Groups, touched
from methods.evaluation.boundary import pixels
from methods.generation.ridge import coefficients
from methods.generation.units import Units
from methods.layout import Layout


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """By group: the statistics of each unit, and its mean response."""

    statistics: dict[str, Float[Tensor, "units s"]]
    means: dict[str, Float[Tensor, " units"]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatistics:
    """Mean, spread and spread within the classes of every unit, and one number per class, on labelled images.

    per_class: `means`, by how much a class raises the unit, so that every statistic is of this unit alone; or
    `readout`, its coefficient in the ridge regression of the class on all units of its group (a function of second
    moments; `ridge` in units of the units' mean variance), which also knows what other units tell already.
    batch: images in flight; more only takes more memory.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    per_class: Literal["means", "readout"] = "readout"
    ridge: Annotated[float, Gt(0)] = 0.1
    batch: Annotated[int, Ge(1)] = 500

    @torch.no_grad()
    def __call__(
        self,
        network: nn.Module,
        layout: Layout,
        groups: Groups,
        level: Float[Tensor, " D"],
        images: UInt8[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        classes: int,
    ) -> Shown:
        """Of a copy of `network` in eval mode with the row `level` written into it, which the units see nothing of."""
        seen = responses(network, layout, groups, level, images, self.batch)
        return Shown(
            {name: self.of(each, labels, classes) for name, each in seen.items()},
            {name: each.mean(1) for name, each in seen.items()},
        )

    @staticmethod
    def count(classes: int) -> int:
        """Statistics of a unit."""
        return 3 + classes

    def of(
        self, seen: Float[Tensor, "units n"], labels: Int[Tensor, " n"], classes: int
    ) -> Float[Tensor, "units statistics"]:
        belongs = one_hot(labels, classes).to(seen.dtype)
        means = seen @ belongs / belongs.sum(0).clamp(min=1)
        centre = seen.mean(1, keepdim=True)
        columns = [centre, seen.std(1, keepdim=True), (seen - means[:, labels]).std(1, keepdim=True)]
        if self.per_class == "means":
            return torch.cat([*columns, means - centre], dim=1)
        return torch.cat([*columns, readout(seen, belongs, self.ridge)], dim=1)


def readout(
    seen: Float[Tensor, "units n"], wanted: Float[Tensor, "n classes"], ridge: float
) -> Float[Tensor, "units classes"]:
    """Coefficients of the ridge regression of `wanted` on the units, both about their means.

    ridge: in units of the units' mean variance.
    """
    centred = (seen - seen.mean(1, keepdim=True)).T
    # a floor, so that units that all are constant have the coefficient 0
    penalty = ridge * max(centred.square().mean().item(), torch.finfo(torch.float32).tiny)
    return coefficients(centred, wanted - wanted.mean(0), penalty)


def responses(
    network: nn.Module,
    layout: Layout,
    groups: Groups,
    level: Float[Tensor, " D"],
    images: UInt8[Tensor, "n c h w"],
    batch: int,
) -> dict[str, Float[Tensor, "units n"]]:
    """Of every unit next to the kept layers, over the pixels or tokens of an image the mean, with `level` written in.

    The network stays as it is.
    """
    bare = copy.deepcopy(network).eval()
    bare.load_state_dict(bare.state_dict() | layout.restore(level))
    places = {name: place for name, (_, _, place) in touched(groups, layout.names).items() if place is not None}
    shown: dict[str, list[Tensor]] = {name: [] for name in places}
    for some in images.split(batch):
        for name, each in activations(bare, places, pixels(some)).items():
            shown[name].append(each.unflatten(1, (len(some), -1)).mean(2))
    return {name: torch.cat(parts, dim=1) for name, parts in shown.items()}


def readout_row(
    units: Units,
    level: Float[Tensor, " D"],
    seen: dict[str, Float[Tensor, "units n"]],
    labels: Int[Tensor, " n"],
    classes: int,
    ridge: float,
) -> Float[Tensor, " D"]:
    """`level` with every head's numbers replaced by the ridge regression of the class on the units that it reads."""
    row, wanted = level.clone(), one_hot(labels, classes).to(level.dtype)
    for head in units.heads:
        weight = readout(seen[head.group], wanted, ridge).T
        row[head.weight] = weight
        row[head.bias] = wanted.mean(0) - weight @ seen[head.group].mean(1)
    return row
