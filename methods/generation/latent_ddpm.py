"""Parameter diffusion (arXiv 2402.13144): autoencoder, whitened latents, DDPM on them, decoded samples."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval, Lt
from jaxtyping import Float
from torch import Tensor, nn

from methods import randomness
from methods.diffusion.ema import Ema
from methods.diffusion.process import Epsilon, Schedule, bounded, ddim, ddpm, loss
from methods.errors import BadData
from methods.generation.autoencoder_fit import fit_autoencoder
from methods.generation.autoencoding import (
    AutoencoderTraining,
    GateLimits,
    accuracy_gates,
    overfit_gate,
    pass_or_fail,
    spread,
    variance_gate,
)
from methods.generation.components import latent_size
from methods.generation.generator import Accuracy, Fit, Gate, Rows
from methods.generation.memory import training_memory
from methods.generation.scaling import Standardise, Whiten
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import adaptive, descend


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Diffusion:
    """The process (T, linear β) and the training of its denoiser: Adam with a cosine schedule, EMA of the weights.

    weight_decay: decoupled, that is AdamW in place of Adam; null: Adam.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    times: Annotated[int, Ge(2)] = 1000
    beta_first: Annotated[float, Gt(0), Lt(1)] = 1e-4
    beta_last: Annotated[float, Gt(0), Lt(1)] = 2e-2
    steps: Annotated[int, Ge(1)] = 1500
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 2e-3
    ema: Annotated[float, Interval(ge=0, lt=1)] = 0.995
    weight_decay: Annotated[float, Ge(0)] | None = None

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.times, self.beta_first, self.beta_last)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """`ddpm` takes all T steps; `ddim` takes `steps`, with `eta` from 0 (deterministic) to 1 (as noisy as ddpm).

    `one_shot` decodes a single call of the denoiser at random times: no sampling takes place. It is here to show what
    that mistake of a published evaluation script does.

    eta = 1 forgets the errors of a briefly trained denoiser; without fresh noise they accumulate, and on the digits
    some samples end several standard deviations outside of the rows.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["ddpm", "ddim", "one_shot"] = "ddim"
    steps: Annotated[int, Ge(1)] = 50
    eta: Annotated[float, Interval(ge=0, le=1)] = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LatentDdpm:
    """`autoencoder` and `denoiser` build the two networks for a row length and a latent length, from a seed.

    An autoencoder without parameters is none: its latents are the standardised rows. It learns nothing and loses
    nothing, so only the scale of the held-out rows is checked. Nothing is whitened: a D×D matrix would be out of reach.

    A latent whose length the autoencoder leaves open has as many numbers as the rows need (`components.latent_size`).

    decoder_noise: what is added to decoded samples, in units of what the autoencoder leaves unexplained of rows that it
    was not trained on (root mean square per coordinate). The decoder then is a distribution, as in a VAE (arXiv
    1312.6114, section 3), and samples are as wide as rows are; with 0, as published, they are its means.
    """

    build_autoencoder: Callable[..., Any]
    build_denoiser: Callable[..., nn.Module]
    autoencoding: AutoencoderTraining = AutoencoderTraining()
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    limits: GateLimits = GateLimits()
    decoder_noise: float = 0.0
    name: ClassVar[str] = "latent_ddpm"

    def networks(self, length: int, latent: int, *, seed: int = 0) -> "LatentDdpmSampler":
        """latent: the length of latents, if the autoencoder's configuration leaves it open."""
        autoencoder = self.build_autoencoder(length, latent=latent, seed=seed)
        return LatentDdpmSampler(autoencoder, self.build_denoiser(autoencoder.latent, seed=seed), length, self)

    def fit(self, rows: Rows, *, accuracy: Accuracy, seed: int, device: torch.device, on_step: OnStep = silent) -> Fit:
        """Raises `GateFailed` before the denoiser is trained, if any stage before it is not fit for diffusion.

        Raises `BadData` where the rows have no variance that could be learnt.
        """
        scale = Standardise.fit(rows.train)
        if not scale.std.isfinite().all():
            raise BadData(
                problem=f"{len(rows.train)} train rows have no finite variance",
                remedy="fit on two rows or more (fit_rows), and look for numbers that are not finite",
            )
        model = self.networks(rows.train.shape[1], latent_size(scale(rows.train)), seed=seed)
        model.scale = scale
        model.to(device)
        train, held_out = model.scale(rows.train.to(device)), model.scale(rows.held_out.to(device))
        gates: dict[str, Gate] = {}
        curves: dict[str, Curve] = {}
        facts: dict[str, Any] = {}
        if model.encodes:
            gates["autoencoder_overfit"] = overfit_gate(model.autoencoder, train[:1], self.limits)
            fitted = fit_autoencoder(model.autoencoder, train, rows.runs, self.autoencoding, seed=seed, on_step=on_step)
            model.unexplained = fitted.unexplained
            curves |= fitted.curves
            facts |= {
                "autoencoder_steps": fitted.steps,
                "autoencoder_budget": fitted.budget,
                "held_back_rows": fitted.held_back,
            }
            model.autoencoder.eval()
            gates["variance_kept"] = variance_gate(model.autoencoder, held_out, self.limits)
            gates |= accuracy_gates(
                model.autoencoder,
                held_out,
                lambda scaled: accuracy(model.scale.invert(scaled).cpu()),
                self.autoencoding.latent_noise,
                self.limits,
                seed=seed,
            )
        with torch.no_grad():
            latents = model.autoencoder.encode(train)
            if model.encodes:
                # what lies under the noise that the decoder was trained to ignore is not worth scaling up
                floor = self.autoencoding.latent_noise * spread(latents).item()
                model.whiten = Whiten.fit(latents, floor=floor).to(device)
            gates["latent_scale"] = scale_gate(model.whiten(model.autoencoder.encode(held_out)), self.limits)
            whitened = model.whiten(latents)
            model.low, model.high = whitened.amin(0), whitened.amax(0)
        one_batch = whitened[torch.arange(self.diffusion.batch_size, device=device) % len(whitened)]
        facts |= {
            "raw_latent_scale": spread(latents).item(),
            "latent": latents.shape[1],
            "autoencoder_parameters": sum(value.numel() for value in model.autoencoder.parameters()),
            **training_memory(model.denoiser, one_batch),
        }
        model.denoiser, curves["denoiser"] = train_denoiser(
            model.denoiser, whitened, self.diffusion, seed=seed, on_step=on_step
        )
        return Fit(model.eval(), gates, curves, facts)

    def restore(self, state: Mapping[str, Tensor], rows: Rows, *, device: torch.device) -> "LatentDdpmSampler":
        model = self.networks(len(state["scale.mean"]), len(state["whiten.mean"]))
        model.load_state_dict(dict(state))
        return model.to(device).eval()


def scale_gate(whitened: Float[Tensor, "h d"], limits: GateLimits) -> Gate:
    """(e) Latents that the whitening has not seen must come out at unit scale; an over-fitted encoder fails here."""
    scale = whitened.square().mean().sqrt().item()
    meaning = "root mean square of the whitened latents of held-out rows (1 is ideal; allowed is limit or its inverse)"
    gate = Gate(scale, limits.latent_scale, 1 / limits.latent_scale <= scale <= limits.latent_scale, meaning)
    remedy = "collect more rows; an over-fitted encoder needs more latent noise, fewer steps or a smaller latent"
    return pass_or_fail("latent_scale", gate, remedy)


def train_denoiser(
    denoiser: nn.Module, latents: Float[Tensor, "k d"], diffusion: Diffusion, *, seed: int, on_step: OnStep = silent
) -> tuple[nn.Module, Curve]:
    """The averaged (EMA) denoiser. Raises `Diverged`."""
    draw = randomness.generator(seed, "denoiser", device=latents.device)
    ema = Ema(denoiser, diffusion.ema)

    def error() -> Float[Tensor, ""]:
        batch = latents[torch.randint(len(latents), (diffusion.batch_size,), generator=draw, device=latents.device)]
        return loss(denoiser, batch, diffusion.schedule, draw)

    curve = descend(
        denoiser.parameters(),
        error,
        stage="denoiser",
        steps=diffusion.steps,
        learning_rate=diffusion.learning_rate,
        recipe=adaptive(diffusion.weight_decay),
        after=lambda: ema.update(denoiser),
        on_step=on_step,
    )
    return ema.network, curve


def draw_latents(
    denoiser: Epsilon,
    noise: Float[Tensor, "n d"],
    diffusion: Diffusion,
    sampling: Sampling,
    draw: torch.Generator,
    on_step: OnStep = silent,
) -> Float[Tensor, "n d"]:
    """From x_T = `noise` back to x_0, by the sampler that `sampling` names."""
    if sampling.kind == "ddpm":
        return ddpm(denoiser, noise, diffusion.schedule, draw, on_step)
    if sampling.kind == "one_shot":
        t = torch.randint(1, diffusion.times + 1, (len(noise),), generator=draw, device=noise.device)
        return denoiser(noise, t)
    return ddim(denoiser, noise, diffusion.schedule, sampling.steps, sampling.eta, draw, on_step)


class LatentDdpmSampler(nn.Module):
    """The fitted generator: a module, so that its state is one state dict."""

    single: ClassVar[bool] = False
    unexplained: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, autoencoder: Any, denoiser: nn.Module, length: int, method: LatentDdpm) -> None:
        super().__init__()
        self.autoencoder, self.denoiser, self.method = autoencoder, denoiser, method
        self.encodes = next(autoencoder.parameters(), None) is not None
        self.scale = Standardise(length)
        self.register_buffer("unexplained", torch.zeros(length))
        self.whiten = Whiten(autoencoder.latent) if self.encodes else Standardise(length)
        self.register_buffer("low", torch.full((autoencoder.latent,), -torch.inf))
        self.register_buffer("high", torch.full((autoencoder.latent,), torch.inf))

    @torch.no_grad()
    def sample(self, n: int, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        """All n rows in one batch, on the CPU."""
        device = self.scale.mean.device
        draw = randomness.generator(seed, "sample", device=device)
        x = torch.randn(n, self.autoencoder.latent, generator=draw, device=device)
        denoiser: Epsilon = self.denoiser
        if self.method.sampling.kind != "one_shot":
            denoiser = bounded(denoiser, self.low, self.high, self.method.diffusion.schedule)
        x = draw_latents(denoiser, x, self.method.diffusion, self.method.sampling, draw, on_step)
        rows = self.autoencoder.decode(self.whiten.invert(x))
        if self.method.decoder_noise:
            noise = torch.randn(rows.shape, generator=draw, device=device)
            rows = rows + self.method.decoder_noise * self.unexplained * noise
        return self.scale.invert(rows).cpu()

    @torch.no_grad()
    def reconstruct(self, rows: Float[Tensor, "n D"], noise: torch.Generator | None) -> Float[Tensor, "n D"]:
        latents = self.autoencoder.encode(self.scale(rows.to(self.scale.mean.device)))
        if noise is not None:
            drawn = torch.randn(latents.shape, generator=noise).to(latents)
            latents = latents + self.method.autoencoding.latent_noise * spread(latents) * drawn
        return self.scale.invert(self.autoencoder.decode(latents)).cpu()

    def state(self) -> dict[str, Tensor]:
        return {name: value.cpu() for name, value in self.state_dict().items()}
