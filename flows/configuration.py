"""The configuration of every study: frozen, typed, validated values."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen
from pydantic import Field

from methods.collection.strategy import Strategy
from models import Network
from storage.datasets import Data
from tasks.generators import GeneratorConfig
from tasks.laboratory import Apparatus
from tasks.resources import Resources

Seed = Annotated[int, Ge(0)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDiffusion:
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
    strategy: Annotated[Strategy, Field(discriminator="kind")]
    generator: Annotated[GeneratorConfig, Field(discriminator="kind")]
    samples: Annotated[int, Ge(2)] = 200
    fit_rows: Annotated[int, Ge(1)] | None = None
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    @property
    def apparatus(self) -> Apparatus:
        return Apparatus(data=self.data, network=self.network, strategy=self.strategy, resources=self.resources)


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
class Ablations:
    """A base configuration and the cells that depart from it; `seeds` and `seed` take the place of the base's."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    study: Literal["ablations"] = "ablations"
    preset: str = "custom"
    base: ParameterDiffusion
    cells: Annotated[tuple[Cell, ...], MinLen(1)]
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0

    @property
    def data(self) -> Data:
        return self.base.data

    @property
    def resources(self) -> Resources:
        return self.base.resources

    @property
    def apparatus(self) -> Apparatus:
        return self.base.apparatus
