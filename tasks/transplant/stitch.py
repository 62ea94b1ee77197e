"""Rows whose head is rewritten for another network's features, by a linear map fitted on unlabelled images."""

import dataclasses
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn

from methods.alignment.stitching import FeatureMap, LeastSquares, layer_inputs
from methods.layout import Layout
from tasks.classifiers.classifier_context import ClassifierContext

STITCHED = "stitched"
"""Beside the orders of `align.KINDS`: norms as in `aligned`, the head by a linear map of the features."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stitching:
    """images: of the training split, evenly spread, on which the map is fitted; their labels are not used."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    images: Annotated[int, Ge(2)] = 1000
    method: LeastSquares = LeastSquares()


def head_of(network: nn.Module, layout: Layout) -> str | None:
    """Name of the network's last linear layer if rows of this layout hold its weight and its bias, else None."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear or not {f"{linear[-1]}.weight", f"{linear[-1]}.bias"} <= set(layout.names):
        return None
    return linear[-1]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stitch:
    """What rewrites rows of one donor for one recipient: an order of the numbers, and a map for the head's features."""

    layout: Layout
    head: str
    order: Int[Tensor, " D"]
    features: FeatureMap

    def __call__(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        weight, bias = f"{self.head}.weight", f"{self.head}.bias"
        donated = self.layout.restore(rows)
        folded = dict(zip((weight, bias), self.features.fold(donated[weight], donated[bias]), strict=True))
        moved = rows[:, self.order]
        for entry in self.layout.entries:
            if entry.name in folded:
                moved[:, entry.offset : entry.offset + entry.size] = folded[entry.name].flatten(1)
        return moved


def fit_stitch(
    worker_context: ClassifierContext,
    stitching: Stitching,
    layout: Layout,
    head: str,
    *,
    donor: nn.Module,
    recipient: nn.Module,
    mean: Float[Tensor, " D"],
    order: Int[Tensor, " D"],
) -> Stitch:
    """One map for all rows of the donor. mean: of these rows. order: of their numbers in the recipient, as `aligned`.

    The features of both networks are computed with the mean written into them: those that the donor had before its rows
    were collected differ too much from those that the rows were trained with. The networks keep their parameters.
    """
    images = worker_context.spread(stitching.images).images
    of_donor = _features(donor, layout, mean, head, images)
    of_recipient = _features(recipient, layout, mean[order], head, images)
    return Stitch(layout=layout, head=head, order=order, features=stitching.method(of_donor, of_recipient))


def _features(
    network: nn.Module, layout: Layout, row: Float[Tensor, " D"], head: str, images: Tensor
) -> Float[Tensor, "n units"]:
    network.eval()
    device = next(network.parameters()).device
    state = network.state_dict()
    own = {name: state[name].clone() for name in layout.names}
    network.load_state_dict(state | layout.restore(row.to(device)))
    try:
        return layer_inputs(network, head, images).cpu()
    finally:
        network.load_state_dict(state | own)
