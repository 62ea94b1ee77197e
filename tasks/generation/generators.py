"""The generators that a study can name: methods brought together with the networks that they need."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from pydantic import Field
from torch import Tensor

from methods.generation import gram_pca, latent_ddpm
from methods.generation.autoencoding import AutoencoderTraining, GateLimits
from methods.generation.baselines import AverageOf, Interpolate, Mean, MeanOfRun, Retrieve
from methods.generation.generator import Generator, Rows, Sampler
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.noise import Gaussian, Noise
from methods.generation.reconstruct import Reconstruct, Reconstructing
from models.autoencoder import Autoencoder, Conv1dAutoencoder, NoAutoencoder, build_autoencoder
from models.denoiser import Conv1dUnet, Denoiser, build_denoiser
from tasks.generation.token_generator import TokenDiffusion


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LatentDdpm:
    """The paper's generator: autoencoder, whitened latents, DDPM on them."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["latent_ddpm"] = "latent_ddpm"
    autoencoder: Annotated[Autoencoder, Field(discriminator="kind")] = Conv1dAutoencoder()
    denoiser: Denoiser = Conv1dUnet()
    autoencoding: AutoencoderTraining = AutoencoderTraining()
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    gates: GateLimits = GateLimits()
    decoder_noise: Annotated[float, Ge(0)] = 0.0

    @property
    def encodes(self) -> bool:
        return not isinstance(self.autoencoder, NoAutoencoder)

    def build(self) -> latent_ddpm.LatentDdpm:
        return latent_ddpm.LatentDdpm(
            build_autoencoder=partial(build_autoencoder, self.autoencoder),
            build_denoiser=partial(build_denoiser, self.denoiser),
            autoencoding=self.autoencoding,
            diffusion=self.diffusion,
            sampling=self.sampling,
            limits=self.gates,
            decoder_noise=self.decoder_noise,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GramPca:
    """Principal components of whole networks; samples lie in the affine hull of the snapshots."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["gram_pca"] = "gram_pca"
    encodes: ClassVar[bool] = False
    codes: Literal["gaussian", "diffusion"] = "gaussian"
    denoiser: Denoiser = Conv1dUnet()
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()

    def build(self) -> gram_pca.GramPca:
        return gram_pca.GramPca(
            build_denoiser=partial(build_denoiser, self.denoiser),
            codes=self.codes,
            diffusion=self.diffusion,
            sampling=self.sampling,
        )


GeneratorConfig = LatentDdpm | GramPca | TokenDiffusion
"""Any generator that a study may name; told apart by `kind`."""


BASELINES: tuple[Generator, ...] = (
    Mean(),
    MeanOfRun(),
    AverageOf(16),
    Interpolate(),
    Gaussian(),
    Retrieve(),
    Noise(0.001),
    Noise(0.05),
    Noise(0.15),
    Noise(0.5),
)
"""Run beside every generator, with the same n and the same evaluator."""
NOISE_MATCHED = "noise_matched"
"""Noise with the generator's novelty: fitted once the generator has been sampled."""
RECONSTRUCTIONS = {"reconstruct": False, "reconstruct_noisy": True}
"""Baselines that use the generator's own fit, without and with noise on the latents."""


def all_generators(config: GeneratorConfig) -> dict[str, Generator]:
    """What is fitted to the rows alone: the study's generator and the baselines that always stand beside it."""
    return {generator.name: generator for generator in (config.build(), *BASELINES)}


def chosen(config: GeneratorConfig, name: str) -> GeneratorConfig | str:
    """The generator called `name` as jobs are given it: the study's own whole, a baseline by its name."""
    return config if name == config.kind else name


def build(generator: GeneratorConfig | str) -> Generator:
    """What `chosen` has chosen."""
    if not isinstance(generator, str):
        return generator.build()
    return {NOISE_MATCHED: Noise(), **{each.name: each for each in BASELINES}}[generator]


def sampled_names(config: GeneratorConfig, runs: int) -> tuple[str, ...]:
    """All that can be sampled once the generators are fitted, of rows from so many runs of each network."""
    names = [name for name in all_generators(config) if name != MeanOfRun.name or runs > 1]
    return (*names, *(RECONSTRUCTIONS if config.encodes else ()))


def fitted_by(config: GeneratorConfig, name: str) -> str:
    """Whose fit the sampler called `name` uses."""
    return config.kind if name in RECONSTRUCTIONS else name


def sampler(
    generator: GeneratorConfig | str, name: str, state: Mapping[str, Tensor], rows: Rows, *, device: torch.device
) -> Sampler:
    """The sampler called `name`, from the state of the fit of `generator`, which it uses."""
    restored = build(generator).restore(state, rows, device=device)
    if isinstance(restored, Reconstructing) and name in RECONSTRUCTIONS:
        return Reconstruct(restored, rows, noisy=RECONSTRUCTIONS[name])
    return restored


def one_shot(config: GeneratorConfig) -> GeneratorConfig | None:
    """The same generator decoding a single call of its denoiser; None where nothing is denoised."""
    if isinstance(config, GramPca) and config.codes == "gaussian":
        return None
    return dataclasses.replace(config, sampling=dataclasses.replace(config.sampling, kind="one_shot"))
