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
from tasks.classifiers.laboratory import Laboratory
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
    laboratory: Laboratory, chosen: Witness, phases: tuple[Phase, ...], seed: int, *, target: str, on_step: OnStep
) -> None:
    train_one(_of(laboratory, chosen), phases, "frozen", None, seed, target=target, on_step=on_step)


def witness_network(laboratory: Laboratory, chosen: Witness, ref: Ref) -> nn.Module:
    """In eval mode, on the laboratory's device."""
    return _of(laboratory, chosen).network(0, ref).eval()


def _of(laboratory: Laboratory, chosen: Witness) -> Laboratory:
    """The same laboratory for another network."""
    return Laboratory(dataclasses.replace(laboratory.apparatus, network=chosen.network), laboratory.splits)
