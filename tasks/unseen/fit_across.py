"""Fitting one generator on the rows of several networks: one job, its product the fitted state."""

import dataclasses
import json
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from methods import randomness
from methods.generation.unit_diffusion import UnitDiffusion
from methods.generation.unit_statistics import Shown
from methods.generation.units import Units
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import matrix_of
from tasks.results.unfit import SHORTFALLS, publish_unfit, shortfall
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import Weights
from tasks.unseen.held_out import HeldOut


@stage
def fit_across(context: RunContext, held_out: HeldOut, networks: Sequence[Weights], snapshots: Ref) -> Ref:
    """The generator's state, fitted on all rows of these networks, or the record of why it is unfit."""
    items = {f"{len(networks)} networks": (held_out.fitting, context.layout, networks, snapshots, context.seed)}
    (found,) = map_jobs(context, "fit_across", fit_one, items, product="held_out_fits", suffix=".safetensors").values()
    return found


def fit_one(
    worker_context: ClassifierContext,
    held_out: HeldOut,
    layout: Layout,
    networks: Sequence[Weights],
    snapshots: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    rows = [torch.from_numpy(matrix_of(snapshots, each.seed)[0]).to(worker_context.device) for each in networks]
    units = Units.of(layout, worker_context.groups)
    level = units.levelled(torch.stack([each.mean(0) for each in rows]).mean(0))
    seen = [show(worker_context, held_out, layout, each, level) for each in networks]
    seed = randomness.derive(run_seed, "fit", UnitDiffusion.name)
    try:
        sampler, curve = held_out.build().fit(units, rows, seen, seed=seed, on_step=on_step)
    except SHORTFALLS as error:
        # the level is there for the baselines
        publish_unfit(target, shortfall(error, UnitDiffusion.name, run_seed), tensors={"level": level})
        return
    state = {f"sampler.{name}": value for name, value in sampler.state_dict().items()}
    publish_tensors(target, {"level": level, **state}, {"curve": json.dumps(dataclasses.asdict(curve))})


def show(
    worker_context: ClassifierContext, held_out: HeldOut, layout: Layout, network: Weights, level: Float[Tensor, " D"]
) -> Shown:
    """What a network shows with `level` in place of its kept layers."""
    images = worker_context.spread(held_out.images)
    return held_out.statistics(
        worker_context.network(network.seed, network.base),
        layout,
        worker_context.groups,
        level,
        images.images,
        images.labels,
        len(worker_context.splits.classes),
    )
