"""What is written into a network never seen: generated rows, and what stands beside them, a file of rows each."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.alignment.permutation import row_order
from methods.errors import Diverged
from methods.generation.unit_diffusion import UnitDiffusion
from methods.generation.unit_sampler import UnitSampler
from methods.generation.unit_statistics import readout_row, responses
from methods.generation.units import Units
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref, verify_ref
from storage.formats import publish_tensors, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import matrix_of
from tasks.generation.sample import Samples
from tasks.results.unfit import publish_unfit, shortfall, unfit_of
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import ALIGNED, Pair, Weights, permutations_of
from tasks.transplant.transplant import own_row
from tasks.unseen.fit_across import show
from tasks.unseen.held_out import HeldOut

GENERATOR, EXPECTED = "generator", "generator_mean"
MEAN_OF_ALIGNED, REAL = "baseline_mean_of_aligned", "real_snapshots"
READOUT, RECIPIENT = "baseline_linear_readout", "recipient"


class Source(NamedTuple):
    """What rows for a network are made from: the fit, the training networks and their rows, their units matched."""

    held_out: HeldOut
    layout: Layout
    fitted: Ref
    donors: tuple[Weights, ...]
    snapshots: Ref
    matchings: tuple[Ref, ...]
    """Of each donor with the recipient."""


@stage
def rows_for(
    context: RunContext,
    held_out: HeldOut,
    fitted: Ref,
    donors: Sequence[Weights],
    snapshots: Ref,
    recipients: Sequence[Weights],
    matchings: Mapping[Pair, Ref],
) -> Samples:
    """By seed of the recipient and name, rows for `evaluate`; the fit itself in place of rows where it is unfit."""
    items = {}
    unfit = unfit_of(fitted) is not None
    for recipient in recipients:
        found = tuple(matchings[donor, recipient] for donor in donors)
        source = Source(held_out, context.layout, fitted, tuple(donors), snapshots, found)
        for name in MAKERS:
            if unfit and name in (GENERATOR, EXPECTED):
                continue
            items[recipient.seed, name] = (name, source, recipient, context.seed)

    def label(item: tuple[int, str]) -> str:
        return f"{item[1]} for {item[0]}"

    made = map_jobs(context, "rows_for", make_rows, items, product="held_out_rows", suffix=".safetensors", label=label)
    return {(each.seed, name): made.get((each.seed, name), fitted) for each in recipients for name in MAKERS}


def make_rows(
    worker_context: ClassifierContext,
    name: str,
    source: Source,
    recipient: Weights,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    rows = MAKERS[name](worker_context, source, recipient, randomness.derive(run_seed, name, recipient.seed), on_step)
    if not torch.isfinite(rows).all():
        problem = f"{name} has numbers that are not finite"
        error = Diverged(problem=problem, remedy="look at the denoiser's loss", step=0)
        if name not in (GENERATOR, EXPECTED):
            raise error
        publish_unfit(target, shortfall(error, UnitDiffusion.name, recipient.seed))
        return
    publish_tensors(target, {"rows": rows.contiguous()}, {"generator": name})


Made = Float[Tensor, "n D"]


def generated(
    worker_context: ClassifierContext, source: Source, recipient: Weights, seed: int, on_step: OnStep
) -> Made:
    sampler, level = restored(worker_context, source)
    seen = show(worker_context, source.held_out, source.layout, recipient, level)
    return sampler.sample(source.held_out.samples, seen, seed=seed, on_step=on_step)


def expected(worker_context: ClassifierContext, source: Source, recipient: Weights, _: int, on_step: OnStep) -> Made:
    """The generator without its diffusion."""
    sampler, level = restored(worker_context, source)
    return sampler.expected(show(worker_context, source.held_out, source.layout, recipient, level))[None].cpu()


def linear_readout(
    worker_context: ClassifierContext, source: Source, recipient: Weights, _: int, on_step: OnStep
) -> Made:
    """A head in closed form, from the same images; of other networks' rows only the level of the norms is used."""
    units, level = Units.of(source.layout, worker_context.groups), level_of(worker_context, source)
    images, how = worker_context.spread(source.held_out.images), source.held_out.statistics
    network = worker_context.network(recipient.seed, recipient.base)
    seen = responses(network, source.layout, worker_context.groups, level, images.images, how.batch)
    classes = len(worker_context.splits.classes)
    return readout_row(units, level, seen, images.labels, classes, how.ridge)[None].cpu()


def real(worker_context: ClassifierContext, source: Source, recipient: Weights, _: int, on_step: OnStep) -> Made:
    """Of every donor about as many rows, evenly spread over its run, their units in the recipient's order."""
    count, found = source.held_out.samples, []
    for place, rows in enumerate(aligned(worker_context, source)):
        share = len(range(place, count, len(source.donors)))
        found.append(rows[torch.linspace(0, len(rows) - 1, share).round().long()])
    return torch.cat(found)


def mean_of_aligned(
    worker_context: ClassifierContext, source: Source, recipient: Weights, _: int, on_step: OnStep
) -> Made:
    return torch.stack([rows.mean(0) for rows in aligned(worker_context, source)]).mean(0, keepdim=True)


def itself(worker_context: ClassifierContext, source: Source, recipient: Weights, _: int, on_step: OnStep) -> Made:
    """The parameters that the generator never saw."""
    return own_row(source.layout, worker_context.network(recipient.seed, recipient.base)).cpu()


MAKERS: dict[str, Callable[[ClassifierContext, Source, Weights, int, OnStep], Made]] = {
    GENERATOR: generated,
    EXPECTED: expected,
    MEAN_OF_ALIGNED: mean_of_aligned,
    REAL: real,
    READOUT: linear_readout,
    RECIPIENT: itself,
}


def level_of(worker_context: ClassifierContext, source: Source) -> Float[Tensor, " D"]:
    """The row that takes the place of a recipient's own."""
    verify_ref(source.fitted)
    return read_tensors(source.fitted.path)[0]["level"].to(worker_context.device)


def restored(worker_context: ClassifierContext, source: Source) -> tuple[UnitSampler, Float[Tensor, " D"]]:
    """The fitted generator, and the row that takes the place of a recipient's own."""
    verify_ref(source.fitted)
    tensors, _ = read_tensors(source.fitted.path)
    level = tensors.pop("level").to(worker_context.device)
    units = Units.of(source.layout, worker_context.groups)
    statistics = dict.fromkeys(units.groups, source.held_out.statistics.count(len(worker_context.splits.classes)))
    sampler = source.held_out.build().networks(units, statistics)
    sampler.load_state_dict({name.removeprefix("sampler."): value for name, value in tensors.items()})
    return sampler.to(worker_context.device).eval(), level


def aligned(worker_context: ClassifierContext, source: Source) -> list[Float[Tensor, "_ D"]]:
    found = []
    for donor, matching in zip(source.donors, source.matchings, strict=True):
        order = row_order(source.layout, worker_context.groups, permutations_of(matching, ALIGNED))
        found.append(torch.from_numpy(matrix_of(source.snapshots, donor.seed)[0])[:, order])
    return found
