"""The configuration of every study: frozen, typed, validated values."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, MinLen
from pydantic import Field

from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Strategy
from methods.errors import BadSetting
from models import Network
from storage.datasets import Data
from tasks.classifiers.imported import Imported
from tasks.classifiers.laboratory import Apparatus
from tasks.generation.generators import GeneratorConfig
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets
from tasks.robustness.defend import DISTILLED, FIRST, Defence
from tasks.robustness.models_under_test import SIBLINGS, OwnNetwork
from tasks.robustness.tutorial import Tutorial
from tasks.runtime.resources import Resources
from tasks.transplant.align import Alignment
from tasks.transplant.backdoor_defences import Defended
from tasks.transplant.fine_tune import FineTuning

Seed = Annotated[int, Ge(0)]


FIXED_SEED = 0
"""Seed of the network that is the same in every night."""


class OfSeeds:
    """A study about networks of several `seeds`. networks_a_night: how many, 0 if it takes no part in the nightly."""

    __slots__ = ()
    networks_a_night: ClassVar[int]

    def tonight(self, rotating: int) -> Self:
        """As the nightly runs it.

        A study of two networks takes a rotating and a fixed one. `seed` stays, so that everything drawn for the fixed
        network is the same in every night: what is drawn for a network is derived from `seed` and from its own seed.
        The rotating network comes first: where a study looks at one network only (as when it is defended), a night
        says something about a network that no earlier night has seen. A study of one network has no fixed part.
        """
        changes: dict[str, Any] = {"seeds": (rotating, FIXED_SEED)[: self.networks_a_night]}
        if self.networks_a_night == 1:
            changes["seed"] = rotating
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDiffusion(OfSeeds):
    """Every number that decides a run.

    seeds: one base network each, trained and collected side by side. seed: of the generators and their samples.
    samples: models generated per base network and generator. fit_rows: how many of the snapshots generators are
    fitted on, evenly spread; all that are not held out if null.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["parameter_diffusion"] = "parameter_diffusion"
    preset: str = "custom"
    data: Data
    network: Annotated[Network, Field(discriminator="kind")]
    strategy: Annotated[Strategy | Imported, Field(discriminator="kind")]
    generator: Annotated[GeneratorConfig, Field(discriminator="kind")]
    samples: Annotated[int, Ge(2)] = 200
    fit_rows: Annotated[int, Ge(1)] | None = None
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    @property
    def apparatus(self) -> Apparatus:
        return Apparatus(data=self.data, network=self.network, strategy=self.strategy, resources=self.resources)


class OverBase(OfSeeds):
    """A study about the networks of another, whose data, resources and apparatus are its own."""

    __slots__ = ()
    base: ParameterDiffusion

    @property
    def data(self) -> Data:
        return self.base.data

    @property
    def resources(self) -> Resources:
        return self.base.resources

    @property
    def apparatus(self) -> Apparatus:
        return self.base.apparatus


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of `parameter_diffusion` in which one factor, `varied`, has another `value`.

    changes: as on the command line, `path.to.field=value`. published: generated minus original mean accuracy, in
    points, of the same cell in the first public version on CIFAR-100.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    varied: str
    value: str
    changes: tuple[str, ...] = ()
    published: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ablations(OverBase):
    """A base configuration and the cells that depart from it; `seeds` and `seed` take the place of the base's."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    study: Literal["ablations"] = "ablations"
    preset: str = "custom"
    base: ParameterDiffusion
    cells: Annotated[tuple[Cell, ...], MinLen(1)]
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Models of one network that differ in generated, or in collected, parameters: `models` of each, chosen by seed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    models: Annotated[int, Ge(1)] = 20
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]


RESERVED = ("undefended", DISTILLED, *FIRST.values(), *SIBLINGS)
NAME = re.compile(r"[a-z0-9][a-z0-9_.@]*")


def unique(field: str, names: Sequence[str]) -> None:
    """Raises `BadSetting` for the first name that is there twice or is none for a file and a table."""
    for place, name in enumerate(names):
        if not NAME.fullmatch(name):
            raise BadSetting(
                problem=f"{field}: {name!r} is no name", remedy="use lower case, digits, underscores, dots and @"
            )
        if name in names[:place]:
            raise BadSetting(
                problem=f"{field}: two are called {name!r}", remedy="tell them apart by label or name, or leave one out"
            )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Robustness(OverBase):
    """Networks of a base study and their defended twins, under attack.

    base: whose networks are attacked, and whose generated models; `seeds` and `seed` take the place of its own. The
    first seed's network is defended, generated models come from all. images: of the test split, attacked by everyone.
    block: images per job. masking_images: of those, how many the diagnosis of gradient masking takes, and
    masking_queries what it may ask without gradients; null: no diagnosis.
    tutorial: one image attacked step by step, for showing.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["robustness"] = "robustness"
    preset: str = "custom"
    base: ParameterDiffusion
    defences: tuple[Annotated[Defence, Field(discriminator="kind")], ...] = ()
    own: tuple[OwnNetwork, ...] = ()
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]
    generated: Siblings | None = None
    budgets: Budgets
    tutorial: Tutorial | None = None
    images: Annotated[int, Ge(1)] = 100
    block: Annotated[int, Ge(1)] = 50
    masking_images: Annotated[int, Ge(1)] | None = 100
    masking_queries: Annotated[int, Ge(1)] = 1000
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Raises `BadSetting` where rows of two things would carry one name."""
        siblings = self.generated.attacks if self.generated else ()
        unique("attacks", [attempt.name for attempt in self.attacks])
        unique("generated.attacks", [attempt.name for attempt in siblings])
        unique("defences", [defence.kind for defence in self.defences])
        unique("own", [*RESERVED, *(own.name for own in self.own)])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strategies(OverBase):
    """Ways of collecting parameters, each with all that follows from it: rows, generated models, transplants.

    base: what all have in common; `seeds` and `seed` take the place of its own. recipient: seed of the network that
    generated parameters are moved into, trained as `base.strategy` begins; it shares nothing with those of `seeds`.
    alignment: how hidden units are matched before. backdoor: of a second recipient, trained likewise, and of the
    poisoned training sets of `weightsmith collect`. fine_tuning: what a transplant into the backdoored recipient is
    compared with, of the same parameters, on as many clean images as alignment takes. defended: when either counts as
    a defence.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 0
    study: Literal["strategies"] = "strategies"
    preset: str = "custom"
    base: ParameterDiffusion
    strategies: Annotated[tuple[Annotated[Strategy, Field(discriminator="kind")], ...], MinLen(1)]
    recipient: Seed = 1000
    alignment: Alignment = Alignment()
    backdoor: BadNets = BadNets()
    fine_tuning: FineTuning
    defended: Defended = Defended()
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Raises `BadSetting` where two strategies would carry one name, or the recipient is one of the donors."""
        unique("strategies", [strategy.kind for strategy in self.strategies])
        if self.recipient in self.seeds:
            raise BadSetting(
                problem=f"recipient: {self.recipient} is one of the seeds {list(self.seeds)} that are moved into it",
                remedy="choose another seed for the recipient",
            )

    def study_of(self, strategy: Strategy) -> ParameterDiffusion:
        """One strategy's run, but for what is compared between them."""
        return dataclasses.replace(self.base, strategy=strategy, seeds=self.seeds, seed=self.seed)
