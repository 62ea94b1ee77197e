"""The configuration of the study `invertibility`."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen

from flows.configuration import OfSeeds, Seed, unique
from methods.collection.whole import ManySeeds
from methods.errors import BadSetting
from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.readout import Readout
from methods.invertibility.shifts import Binary, Textured
from models import InvertibleNetwork
from storage.datasets import Data
from tasks.classifiers.laboratory import Apparatus
from tasks.invertibility.invertible_training import CE, CONTROL, ICE, Loss
from tasks.invertibility.metamers import Exhibition
from tasks.invertibility.reference_classifier import Witness
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets
from tasks.runtime.resources import Resources


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invertibility(OfSeeds):
    """Invertible classifiers trained by cross-entropy, by independence cross-entropy, and by a control between them.

    seeds: one network of each loss, from equal initial values. witness: the independent classifier that says what a
    metamer looks like. binary, textured: marks of the class, each a training of all losses; shift_epochs: of these, if
    not the losses'. images: of the test split, attacked on all networks, in blocks of `block`; budgets: how far counts.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    study: Literal["invertibility"] = "invertibility"
    preset: str = "custom"
    data: Data
    network: InvertibleNetwork
    ce: CrossEntropy
    ice: IndependenceCrossEntropy
    witness: Witness
    readout: Readout = Readout()
    metamers: Exhibition = Exhibition()
    binary: Binary = Binary()
    textured: Textured = Textured()
    shift_epochs: Annotated[int, Ge(1)] | None = None
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]
    budgets: Budgets
    images: Annotated[int, Ge(1)] = 100
    block: Annotated[int, Ge(1)] = 100
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    def __post_init__(self) -> None:
        """Raises `BadSetting` for attacks of one name, and for a reader smaller than the adversary."""
        unique("attacks", [attempt.name for attempt in self.attacks])
        if len(self.readout.hidden) < len(self.ice.adversary) or min(self.readout.hidden) < max(self.ice.adversary):
            raise BadSetting(
                problem=f"readout.hidden: {list(self.readout.hidden)} is smaller than ice.adversary, "
                f"{list(self.ice.adversary)}",
                remedy="read with at least as many units as the network was trained to hide from",
            )

    @property
    def losses(self) -> dict[str, Loss]:
        """By name, the slowest first. The control is iCE without what hides the class: cross-entropy and likelihood."""
        control = dataclasses.replace(self.ice, nuisance_weight=0.0, neighbours=None)
        return {ICE: self.ice, CONTROL: control, CE: self.ce}

    @property
    def shifts(self) -> tuple[Binary, Textured]:
        return self.binary, self.textured

    @property
    def apparatus(self) -> Apparatus:
        # nothing is collected here: what stands in the strategy's place trains the witness, and keeps all of it
        strategy = ManySeeds(keep=("*",), first=self.witness.training, rows=1)
        return Apparatus(data=self.data, network=self.network, strategy=strategy, resources=self.resources)
