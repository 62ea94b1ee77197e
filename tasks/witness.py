"""The witness: a classifier that shares nothing with the invertible ones, and says what a picture looks like."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from methods import randomness
from methods.collection.phase import Phase, Training
from methods.progress import OnStep
from models import Network
from storage.datasets import Splits
from storage.files import Ref
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.train import network_file, train_one


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """network: any of those there are. training: of all its parameters."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    network: Annotated[Network, Field(discriminator="kind")]
    training: Training


@stage
def witness(pool: Pool, apparatus: Apparatus, chosen: Witness, splits: Splits, run: Run) -> Ref:
    """Its weights, for `witness_network`; the run's seed decides its initial values."""
    seed, phases = randomness.derive(run.seed, "witness"), (Phase(train=("*",), training=chosen.training),)
    other = dataclasses.replace(apparatus, network=chosen.network)
    job = Job(
        work=train_witness,
        arguments=(chosen, phases, seed),
        target=network_file(other, splits.digest, phases, None, seed, run),
        label="independent classifier",
    )
    return pool.carry_out("witness", [job])[0]


def train_witness(
    laboratory: Laboratory, chosen: Witness, phases: tuple[Phase, ...], seed: int, *, target: str, on_step: OnStep
) -> None:
    train_one(_of(laboratory, chosen), phases, None, seed, target=target, on_step=on_step)


def witness_network(laboratory: Laboratory, chosen: Witness, ref: Ref) -> nn.Module:
    """In eval mode, on the laboratory's device."""
    return _of(laboratory, chosen).network(0, ref).eval()


def _of(laboratory: Laboratory, chosen: Witness) -> Laboratory:
    """The same laboratory for another network."""
    return Laboratory(dataclasses.replace(laboratory.apparatus, network=chosen.network), laboratory.splits)
