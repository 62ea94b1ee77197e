"""Matching hidden units by what they respond to: the same images through both networks."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from methods.alignment.assignment import Matching, assign
from methods.alignment.correlation import Activations, CrossCorrelation
from methods.alignment.permutation import Groups, Permutations, Seen
from methods.errors import BadSetting
from methods.evaluation.boundary import pixels
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMatching:
    """Li et al., "Convergent learning", arXiv 1511.07543, section 3.2: units are matched one to one by correlation.

    Ainsworth et al., arXiv 2209.04836, section 3.1, do the same with inner products. Groups are independent of each
    other. batch: images in flight; more only takes more memory.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["activations"] = "activations"
    batch: Annotated[int, Ge(1)] = 100

    def __call__(
        self,
        a: nn.Module,
        b: nn.Module,
        groups: Groups,
        images: UInt8[Tensor, "n c h w"],
        *,
        on_step: OnStep = silent,
    ) -> Matching:
        """The units of b matched to those of a, both in eval mode on one device, in every group that can be seen."""
        return matched(self.correlations(a, b, groups, images, on_step=on_step))

    @torch.no_grad()
    def correlations(
        self,
        a: nn.Module,
        b: nn.Module,
        groups: Groups,
        images: UInt8[Tensor, "n c h w"],
        *,
        on_step: OnStep = silent,
    ) -> dict[str, Float[Tensor, "_ _"]]:
        """Of each unit of a (rows) with each of b (columns), in every group that can be seen."""
        places = {name: seen for name, (_, _, seen) in groups.items() if seen is not None}
        products: dict[str, CrossCorrelation] = {}
        device = next(a.parameters()).device
        for start in range(0, len(images), self.batch):
            x = pixels(images[start : start + self.batch].to(device))
            of_a, of_b = activations(a, places, x), activations(b, places, x)
            for name in places:
                if name in products:
                    products[name].add(of_a[name], of_b[name])
                else:
                    products[name] = CrossCorrelation(of_a[name], of_b[name])
            on_step("match", min(start + self.batch, len(images)), len(images))
        return {name: product.matrix() for name, product in products.items()}


def match_cached(a: Mapping[str, Activations], b: Mapping[str, Activations]) -> Matching:
    """From activations that are there already, per group, on the same images: one matrix product each."""
    if a.keys() != b.keys():
        raise BadSetting(
            problem=f"groups {sorted(a.keys() ^ b.keys())} were seen in one of the networks only",
            remedy="cache the same groups of both",
        )
    return matched({name: CrossCorrelation(of_a, b[name]).matrix() for name, of_a in a.items()})


def matched(correlations: Mapping[str, Float[Tensor, "_ _"]]) -> Matching:
    """The assignment of largest total correlation in each group; `before` and `after` are means over its units."""
    permutations = {name: assign(matrix) for name, matrix in correlations.items()}
    return Matching(
        permutations=permutations,
        before=mean_correlations(correlations, {}),
        after=mean_correlations(correlations, permutations),
    )


def mean_correlations(correlations: Mapping[str, Float[Tensor, "_ _"]], permutations: Permutations) -> dict[str, float]:
    """Per group the mean correlation of the units that `permutations`, however found, brings together."""
    means = {}
    for name, matrix in correlations.items():
        order = permutations.get(name, torch.arange(len(matrix))).to(matrix.device)
        means[name] = matrix.gather(1, order[:, None]).mean().item()
    return means


@torch.no_grad()
def activations(network: nn.Module, places: Mapping[str, Seen], x: Float[Tensor, "n c h w"]) -> dict[str, Activations]:
    """What the units of each group respond to images in [0, 1], in copies of their own."""
    found: dict[str, Tensor] = {}

    def watch(name: str, axis: int) -> Any:
        def keep(module: nn.Module, arguments: Any, output: Tensor) -> None:
            # a clone, since the next layer may overwrite its input
            found[name] = output.detach().movedim(axis, 0).flatten(1).clone()

        return keep

    hooks = [
        network.get_submodule(module).register_forward_hook(watch(name, axis))
        for name, (module, axis) in places.items()
    ]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found
