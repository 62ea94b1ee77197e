"""Training a denoiser on sequences of tokens, of which it sees a random part at each step."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from methods import randomness
from methods.diffusion.ema import Ema
from methods.generation.latent_ddpm import Diffusion
from methods.generation.tokens import Tokens
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import adaptive, descend


class OnSequence(nn.Module):
    """A token denoiser as one of flat latents: the row's own token first (a layer of its own), then all others."""

    layer: Tensor
    place: Tensor

    def __init__(self, denoiser: nn.Module, tokens: Tokens, latent: int) -> None:
        super().__init__()
        self.denoiser, self.latent = denoiser, latent
        own = torch.zeros(1, dtype=torch.int64)
        self.register_buffer("layer", torch.cat([own, tokens.layer + 1]), persistent=False)
        self.register_buffer("place", torch.cat([own, tokens.place]), persistent=False)

    def forward(self, x: Float[Tensor, "n c"], t: Int[Tensor, " n"]) -> Float[Tensor, "n c"]:
        return self.denoiser(x.unflatten(1, (-1, self.latent)), t, self.layer, self.place).flatten(1)


def train_token_denoiser(
    sequence: OnSequence,
    latents: Float[Tensor, "k m d"],
    diffusion: Diffusion,
    tokens: int,
    *,
    seed: int,
    on_step: OnStep = silent,
) -> Curve:
    """Trains in place, on the row's own token and `tokens` random others per step; averaged weights (EMA) remain.

    The loss is that of Algorithm 1 of Ho et al., the mean of its value on the row's own token and of its mean on the
    others: all of them together would drown the one that decides most. Raises `Diverged`.
    """
    device = latents.device
    draw = randomness.generator(seed, "denoiser", device=device)
    ema = Ema(sequence, diffusion.ema)
    alpha_bars = diffusion.schedule.alpha_bar(device).float()

    def loss() -> Float[Tensor, ""]:
        others = 1 + torch.randperm(latents.shape[1] - 1, generator=draw, device=device)[:tokens]
        seen = torch.cat([others.new_zeros(1), others])
        chosen = torch.randint(len(latents), (diffusion.batch_size, 1), generator=draw, device=device)
        t = torch.randint(1, diffusion.times + 1, (diffusion.batch_size,), generator=draw, device=device)
        x_0, alpha_bar = latents[chosen, seen], alpha_bars[t, None, None]
        noise = torch.randn(x_0.shape, generator=draw, device=device)
        x_t = alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * noise
        error = (sequence.denoiser(x_t, t, sequence.layer[seen], sequence.place[seen]) - noise).square()
        return (error[:, 0].mean() + error[:, 1:].mean()) / 2

    curve = descend(
        sequence.parameters(),
        loss,
        stage="denoiser",
        steps=diffusion.steps,
        learning_rate=diffusion.learning_rate,
        recipe=adaptive(diffusion.weight_decay),
        after=lambda: ema.update(sequence),
        on_step=on_step,
    )
    sequence.load_state_dict(ema.network.state_dict())
    return curve
