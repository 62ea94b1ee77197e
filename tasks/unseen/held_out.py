"""Generation for networks never seen, as a study names it: which networks, how many samples, which generator."""

import dataclasses
from functools import partial
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, MinLen

from methods.errors import BadSetting
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.unit_diffusion import UnitDiffusion
from methods.generation.unit_statistics import UnitStatistics
from models.unit_denoiser import UnitSet, build_unit_denoiser

Seed = Annotated[int, Ge(0)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A generator fitted on rows of the networks of `training_seeds`, tested on those of `held_out_seeds`.

    It is told what a network of which it saw no row shows of each hidden unit next to the kept layers, on `images`
    labelled training images, evenly spread, with the kept layers at the same values in every network: nothing of the
    recipient's own kept parameters. Norm statistics, which no row holds, stay the recipient's, as in every transplant.
    samples: generated per held-out network; as many real rows of the training networks stand beside them, aligned.
    shrinkage: of the regression that predicts the mean row; the diffusion adds how rows move about it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    training_seeds: Annotated[tuple[Seed, ...], MinLen(2)] = tuple(range(100, 108))
    held_out_seeds: Annotated[tuple[Seed, ...], MinLen(1)] = tuple(range(200, 205))
    samples: Annotated[int, Ge(2)] = 40
    images: Annotated[int, Ge(2)] = 2000
    statistics: UnitStatistics = UnitStatistics()
    shrinkage: Annotated[float, Gt(0)] = 0.1
    denoiser: UnitSet = UnitSet()
    diffusion: Diffusion = Diffusion(steps=800, batch_size=16)
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        """Raises `BadSetting` where a network would be tested that was fitted on."""
        seeds = [*self.training_seeds, *self.held_out_seeds]
        if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
            raise BadSetting(
                problem=f"seeds {twice} are there twice in training_seeds and held_out_seeds together",
                remedy="give every network a seed of its own",
            )

    def build(self) -> UnitDiffusion:
        return UnitDiffusion(
            build_denoiser=partial(build_unit_denoiser, self.denoiser),
            shrinkage=self.shrinkage,
            diffusion=self.diffusion,
            sampling=self.sampling,
        )

    @property
    def fitting(self) -> "HeldOut":
        """What of it decides the fit; the rest as it is by default."""
        return HeldOut(
            images=self.images,
            statistics=self.statistics,
            shrinkage=self.shrinkage,
            denoiser=self.denoiser,
            diffusion=self.diffusion,
        )
