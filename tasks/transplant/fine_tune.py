"""Fine-tuning the same layers of a backdoored network on a few clean images: what a transplant is compared with."""

import dataclasses
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge

from methods import randomness
from methods.collection.loop import Record
from methods.collection.strategy import Phase, Training
from methods.errors import Diverged
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.results.unfit import publish_unfit, shortfall
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import Weights

PART = "fine_tuned"
"""What it is called where it is unfit."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """Liu et al., "Fine-pruning", arXiv 1805.12185, section 4: fine-tuning on clean images, here of the rows' layers.

    models: fine-tuned ones, each with a seed of its own. views: augmented copies of each image.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    training: Training
    models: Annotated[int, Ge(1)] = 10
    views: Annotated[int, Ge(1)] = 4


@stage
def fine_tune(context: RunContext, network: Weights, layout: Layout, tuning: FineTuning, images: int) -> Ref:
    """A file of rows, one per model; `images` clean training images, evenly spread, are used, and their labels.

    Of a training that diverges, the file is a record for `unfit_of`.
    """
    items = {f"{tuning.models} models": (network, layout, tuning, images, context.seed)}
    (found,) = map_jobs(
        context, "fine_tune", fine_tune_all, items, product="fine_tuned", suffix=".safetensors"
    ).values()
    return found


def fine_tune_all(
    worker_context: ClassifierContext,
    network: Weights,
    layout: Layout,
    tuning: FineTuning,
    images: int,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    phase = Phase(train=layout.names, training=tuning.training, rows=1, views=tuning.views)
    rows = []
    for model in range(tuning.models):
        module = worker_context.network(network.seed, network.base)
        seed = randomness.derive(run_seed, "fine_tune", model)
        clean = worker_context.spread(images)
        snapshots = worker_context.carry_out(phase, module, layout, seed, Record(), lambda *_: None, images=clean)
        try:
            rows += [snapshot.row for snapshot in snapshots]
        except Diverged as error:
            publish_unfit(target, shortfall(error, PART, run_seed))
            return
        on_step("models", model + 1, tuning.models)
    publish_tensors(target, {"rows": torch.stack(rows)}, {})
