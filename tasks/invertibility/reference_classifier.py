"""The witness: a classifier that shares nothing with the invertible ones, and says what a picture looks like."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from methods import randomness
from methods.collection.phase import Phase, Training
from methods.progress import OnStep
from models import Network
from storage.files import Ref
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.train import BASE, NETWORK, train_one
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """network: any of those there are. training: of all its parameters."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    network: Annotated[Network, Field(discriminator="kind")]
    training: Training


@stage
def witness(context: RunContext, chosen: Witness) -> Ref:
    """Its weights, for `witness_network`; the run's seed decides its initial values."""
    phases = (Phase(train=("*",), training=chosen.training),)
    items = {"independent classifier": (chosen, phases, randomness.derive(context.seed, "witness"))}
    (found,) = map_jobs(context, "witness", train_witness, items, product=BASE, suffix=NETWORK).values()
    return found


def train_witness(
    worker_context: ClassifierContext,
    chosen: Witness,
    phases: tuple[Phase, ...],
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    train_one(_of(worker_context, chosen), phases, "frozen", None, seed, target=target, on_step=on_step)


def witness_network(worker_context: ClassifierContext, chosen: Witness, ref: Ref) -> nn.Module:
    """In eval mode, on the context's device."""
    return _of(worker_context, chosen).network(0, ref).eval()


def _of(worker_context: ClassifierContext, chosen: Witness) -> ClassifierContext:
    """The same context for another network."""
    return ClassifierContext(
        dataclasses.replace(worker_context.context_config, network=chosen.network), worker_context.splits
    )
