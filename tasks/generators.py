"""The generators that a study can name: methods brought together with the networks that they need."""

import dataclasses
from functools import partial
from typing import Any, ClassVar, Literal

from methods.generation import latent_ddpm
from methods.generation.autoencoding import AutoencoderTraining, GateLimits
from methods.generation.baselines import BASELINES
from methods.generation.generator import Generator
from methods.generation.latent_ddpm import Diffusion, Sampling
from models.autoencoder import Autoencoder, Conv1dAutoencoder, build_autoencoder
from models.denoiser import Conv1dUnet, Denoiser, build_denoiser


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LatentDdpm:
    """The paper's generator: autoencoder, whitened latents, DDPM on them."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["latent_ddpm"] = "latent_ddpm"
    autoencoder: Autoencoder = Conv1dAutoencoder()
    denoiser: Denoiser = Conv1dUnet()
    autoencoding: AutoencoderTraining = AutoencoderTraining()
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    gates: GateLimits = GateLimits()

    def build(self) -> latent_ddpm.LatentDdpm:
        return latent_ddpm.LatentDdpm(
            build_autoencoder=partial(build_autoencoder, self.autoencoder),
            build_denoiser=partial(build_denoiser, self.denoiser),
            latent=self.autoencoder.latent,
            autoencoding=self.autoencoding,
            diffusion=self.diffusion,
            sampling=self.sampling,
            limits=self.gates,
        )


GeneratorConfig = LatentDdpm
"""Any generator that a study may name; told apart by `kind`."""


def all_generators(config: GeneratorConfig) -> dict[str, Generator]:
    """The study's generator and the baselines that always stand beside it, by name."""
    generators: tuple[Generator, ...] = (config.build(), *BASELINES)
    return {generator.name: generator for generator in generators}
