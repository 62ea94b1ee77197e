"""Matching the hidden units of two networks: one job per pair, its product a JSON file."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge

from methods.alignment.activation_matching import ActivationMatching, matched, mean_correlations
from methods.alignment.permutation import touched
from methods.alignment.weight_matching import WeightMatching
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json, read_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.runtime.timings import publish_timing

AS_IS, ALIGNED, ALIGNED_WEIGHTS = KINDS = ("as_is", "aligned", "aligned_weights")
"""Hidden units as they come, matched by their activations, and matched by the networks' weights."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """images: of the training split, evenly spread, that both networks see; their labels are not used."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    images: Annotated[int, Ge(2)] = 1000
    activations: ActivationMatching = ActivationMatching()
    weights: WeightMatching = WeightMatching(unit_norms=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A network of the study's architecture: the seed that it was made from, and the file of all its tensors."""

    seed: int
    base: Ref


Pair = tuple[Weights, Weights]
"""Donor and recipient."""


@stage
def align(context: RunContext, pairs: Sequence[Pair], layout: Layout, alignment: Alignment) -> dict[Pair, Ref]:
    """For every pair the orders that the donor's units need, in the groups that rows of this layout touch."""
    items = {pair: (*pair, layout, alignment, context.seed) for pair in pairs}

    def label(pair: Pair) -> str:
        return f"{pair[0].seed} to {pair[1].seed}"

    return map_jobs(context, "align", align_one, items, product="alignments", suffix=".json", label=label, timed=True)


def align_one(
    worker_context: ClassifierContext,
    donor: Weights,
    recipient: Weights,
    layout: Layout,
    alignment: Alignment,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """`permutations` and `correlations` by kind and group; as timings, the forward passes and both matchings."""
    a, b = (worker_context.network(each.seed, each.base).eval() for each in (recipient, donor))
    concerned = touched(worker_context.groups, layout.names)
    began = time.perf_counter()
    images = worker_context.spread(alignment.images).images
    correlations = alignment.activations.correlations(a, b, concerned, images, on_step=on_step)
    forwards = time.perf_counter()
    orders = {AS_IS: {}, ALIGNED: matched(correlations).permutations}
    assigned = time.perf_counter()
    # all groups: those that the rows touch are tied to the others by the weights between them
    of_a, of_b = (dict(network.named_parameters()) for network in (a, b))
    by_weights = alignment.weights(of_a, of_b, worker_context.groups, seed=run_seed, on_step=on_step)
    matched_by_weights = time.perf_counter()
    orders[ALIGNED_WEIGHTS] = {name: by_weights.permutations[name] for name in concerned}
    told = {
        "permutations": {
            kind: {name: order.tolist() for name, order in found.items()} for kind, found in orders.items()
        },
        "correlations": {kind: mean_correlations(correlations, found) for kind, found in orders.items()},
    }
    seconds = {
        "forwards": forwards - began,
        "assignment": assigned - forwards,
        "weights": matched_by_weights - assigned,
    }
    publish_timing(target, seconds)
    publish_json(target, told)


def permutations_of(matching: Ref, kind: str) -> dict[str, torch.Tensor]:
    """Per group, the donor's unit that comes to each place in the recipient."""
    return {name: torch.tensor(order) for name, order in read_json(matching.path)["permutations"][kind].items()}


def matched_correlation(told: Mapping[str, Any], kind: str) -> float | None:
    """Mean over the groups of a matching that was read; None where no hidden unit is brought to another by `kind`."""
    found = list(told["correlations"].get(kind, {}).values())
    return sum(found) / len(found) if found else None
