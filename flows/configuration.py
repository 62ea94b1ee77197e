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
    samples: models generated per base network and generator.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    study: Literal["parameter_diffusion"] = "parameter_diffusion"
    preset: str = "custom"
    data: Data
    network: Annotated[Network, Field(discriminator="kind")]
    strategy: Strategy
    generator: GeneratorConfig
    samples: Annotated[int, Ge(2)] = 200
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
    resources: Resources = Resources()

    @property
    def apparatus(self) -> Apparatus:
        return Apparatus(data=self.data, network=self.network, strategy=self.strategy, resources=self.resources)
