"""Diffusion of whole networks, token by token: codes in closed form, one DDPM over the codes of all tokens.

A row becomes its own code and one departure from it per token (`token_frames`), each a token of r numbers. The
denoiser sees them all at once, so it can model how layers go together; it is trained on a random part of the tokens
per step, which bounds memory. Nothing that is trained or stored grows with the row, but for r numbers per token.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Interval
from jaxtyping import Float
from torch import Tensor, nn

from methods import randomness
from methods.generation.autoencoding import GateLimits, accuracy_gates, pass_or_fail
from methods.generation.generator import Accuracy, Fit, Gate, Rows
from methods.generation.gram_pca import components
from methods.generation.latent_ddpm import Diffusion, Sampling, draw_latents, scale_gate
from methods.generation.token_frames import TokenFrames
from methods.generation.token_training import OnSequence, train_token_denoiser
from methods.generation.tokens import Tokens
from methods.progress import OnStep, silent

AT_ONCE = 2**17
"""Tokens, over all samples, that are denoised together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenLimits:
    """What the codes must reach before anything is diffused.

    variance_kept: share of the variance of the train rows. Accuracy alone cannot tell good codes from none, since what
    is lost moves a row towards the mean of all rows, and that is often better than any of them.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    variance_kept: Annotated[float, Interval(ge=0, le=1)] = 0.7
    accuracy_margin: Annotated[float, Ge(0)] = 0.01
    latent_scale: Annotated[float, Gt(1)] = 4.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenDiffusion:
    """`build_denoiser` builds a network for a number of layers and a code length, from a seed.

    width: numbers per token. components: length r of a code (k - 1, where there are no more). tokens: seen in a
    training step. latent_noise: what decoding must bear, in units of the codes' std.
    """

    build_denoiser: Callable[..., nn.Module]
    width: int = 256
    components: int = 8
    tokens: int = 128
    latent_noise: float = 0.1
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    limits: TokenLimits = TokenLimits()
    name: ClassVar[str] = "token_diffusion"

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        """Raises `GateFailed` before the denoiser is trained, `BadData` where all train rows are the same."""
        axes, std = components(rows.train, device)
        axes, std = axes[:, : self.components].contiguous(), std[: self.components]
        model = self._sampler(axes, std, rows, seed=seed).to(device)
        codes = model.frames.codes(rows.train)
        departures = model.frames.departures(rows.train, codes)
        # departures that lie under the noise which decoding must bear are not worth scaling up
        model.spread = departures.square().mean(0).sqrt().clamp(min=self.latent_noise)
        kept = model.frames.variance_kept(rows.train, codes, departures)
        meaning = "share of the variance of the train rows that their codes keep"
        gate = Gate(kept, self.limits.variance_kept, kept >= self.limits.variance_kept, meaning)
        gates = {"variance_kept": pass_or_fail("variance_kept", gate, "give the codes more components")}
        limits = GateLimits(accuracy_margin=self.limits.accuracy_margin, latent_scale=self.limits.latent_scale)
        gates |= accuracy_gates(model, rows.held_out, accuracy, self.latent_noise, limits, seed=seed)
        gates["latent_scale"] = scale_gate(model.encode(rows.held_out), limits)
        latents = model.pack(codes, departures).unflatten(1, (-1, len(std)))
        del departures
        curve = train_token_denoiser(model.denoiser, latents, self.diffusion, self.tokens, seed=seed, on_step=on_step)
        facts = {"components": len(std), "tokens": model.frames.tokens.count}
        facts["denoiser_parameters"] = sum(value.numel() for value in model.denoiser.parameters())
        return Fit(model.eval(), gates, {"denoiser": curve}, facts)

    def restore(self, state: Mapping[str, Tensor], rows: Rows, *, device: torch.device) -> "TokenDiffusionSampler":
        model = self._sampler(state["axes"], state["std"], rows, seed=0)
        model.load_state_dict(dict(state))
        return model.to(device).eval()

    def _sampler(self, axes: Tensor, std: Tensor, rows: Rows, *, seed: int) -> "TokenDiffusionSampler":
        tokens = Tokens(rows.sizes, self.width)
        denoiser = self.build_denoiser(len(rows.sizes) + 1, len(std), seed=seed)
        return TokenDiffusionSampler(axes, std, OnSequence(denoiser, tokens, len(std)), rows.train, tokens, self)


class TokenDiffusionSampler(nn.Module):
    """The fitted generator. Latents are flat: a row's code, then the departure of each token over its `spread`."""

    single: ClassVar[bool] = False
    axes: Tensor
    std: Tensor
    spread: Tensor

    def __init__(
        self, axes: Tensor, std: Tensor, denoiser: OnSequence, train: Tensor, tokens: Tokens, method: TokenDiffusion
    ) -> None:
        super().__init__()
        self.register_buffer("axes", axes)
        self.register_buffer("std", std)
        self.register_buffer("spread", torch.ones(tokens.count, len(std)))
        self.denoiser, self.train_rows, self.tokens, self.method = denoiser, train, tokens, method

    @property
    def frames(self) -> TokenFrames:
        return TokenFrames(self.train_rows, self.tokens, self.axes, self.std)

    def pack(self, codes: Float[Tensor, "n r"], departures: Float[Tensor, "n t r"]) -> Float[Tensor, "n c"]:
        return torch.cat([codes[:, None], departures / self.spread], dim=1).flatten(1)

    def encode(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n c"]:
        codes = self.frames.codes(rows)
        return self.pack(codes, self.frames.departures(rows, codes))

    def decode(self, latents: Float[Tensor, "n c"]) -> Float[Tensor, "n D"]:
        """On the CPU."""
        sequence = latents.unflatten(1, (-1, len(self.std)))
        return self.frames.decode(sequence[:, 0], sequence[:, 1:] * self.spread)

    @torch.no_grad()
    def reconstruct(self, rows: Float[Tensor, "n D"], noise: torch.Generator | None) -> Float[Tensor, "n D"]:
        latents = self.encode(rows)
        if noise is not None:
            drawn = torch.randn(latents.shape, generator=noise, device=noise.device).to(latents.device)
            latents = latents + self.method.latent_noise * drawn
        return self.decode(latents)

    @torch.no_grad()
    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        """On the CPU; as many rows are denoised together as `AT_ONCE` tokens allow, and all are decoded in one pass."""
        draw = randomness.generator(seed, "sample", device=self.axes.device)
        together = max(1, AT_ONCE // (1 + self.tokens.count))
        latents = torch.empty(n, self.spread.numel() + len(self.std), device=self.axes.device)
        for start in range(0, n, together):
            noise = torch.randn(latents[start : start + together].shape, generator=draw, device=latents.device)
            latents[start : start + together] = draw_latents(
                self.denoiser, noise, self.method.diffusion, self.method.sampling, draw
            )
            on_step("sample", min(start + together, n), n)
        return self.decode(latents)

    def state(self) -> dict[str, Tensor]:
        return {name: value.cpu() for name, value in self.state_dict().items()}
