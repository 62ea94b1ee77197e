"""Whole networks token by token, as a study names it: the method and the network that it needs."""

import dataclasses
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from methods.generation import token_diffusion
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.token_diffusion import TokenLimits
from models.token_denoiser import TokenSet, build_token_denoiser


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenDiffusion:
    """Diffusion over the tokens of a whole network: codes in closed form, one denoiser that all tokens share.

    width: numbers per token. components: numbers in the code of a token. tokens: seen in a training step.
    latent_noise: what decoded accuracy must bear, in units of the codes' std.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["token_diffusion"] = "token_diffusion"
    encodes: ClassVar[bool] = True
    width: Annotated[int, Ge(1)] = 256
    components: Annotated[int, Ge(1)] = 8
    tokens: Annotated[int, Ge(1)] = 64
    latent_noise: Annotated[float, Ge(0)] = 0.1
    denoiser: TokenSet = TokenSet()
    diffusion: Diffusion = Diffusion(steps=800)
    sampling: Sampling = Sampling()
    gates: TokenLimits = TokenLimits()

    def build(self) -> token_diffusion.TokenDiffusion:
        return token_diffusion.TokenDiffusion(
            build_denoiser=partial(build_token_denoiser, self.denoiser),
            width=self.width,
            components=self.components,
            tokens=self.tokens,
            latent_noise=self.latent_noise,
            diffusion=self.diffusion,
            sampling=self.sampling,
            limits=self.gates,
        )
