"""The fitted generator of rows for a network that no row was ever collected of."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from methods import randomness
from methods.generation.latent_ddpm import Diffusion, Sampling, draw_latents
from methods.generation.ridge import Ridge
from methods.generation.scaling import Standardise
from methods.generation.unit_statistics import Shown
from methods.generation.units import Units
from methods.progress import OnStep, silent


def centre(units: Units, row: Float[Tensor, " D"], shown: Shown, *, sign: int = 1) -> Float[Tensor, " D"]:
    """With each head's mean output over the images in place of its bias; sign −1 turns that round."""
    centred = row.clone()
    for head in units.heads:
        centred[head.bias] += sign * (row[head.weight] @ shown.means[head.group])
    return centred


class UnitSampler(nn.Module):
    """The fitted generator: a module, so that its state is one state dict."""

    bias: Tensor
    spread: Tensor

    def __init__(
        self,
        units: Units,
        statistics: Mapping[str, int],
        build_denoiser: Callable[..., nn.Module],
        diffusion: Diffusion,
        sampling: Sampling,
    ) -> None:
        super().__init__()
        self.units, self.diffusion, self.sampling = units, diffusion, sampling
        numbers = {name: columns.shape[1] for name, columns in units.groups.items()}
        # a list, since names of modules take no dots and those of groups have some
        self.regressions = nn.ModuleList(Ridge(statistics[name], numbers[name]) for name in numbers)
        widths = [statistics[name] + numbers[name] for name in numbers] + ([1] if len(units.rest) else [])
        self.scales = nn.ModuleList(Standardise(width) for width in widths)
        self.register_buffer("bias", torch.zeros(len(units.rest)))
        self.register_buffer("spread", torch.ones(len(units.order)))
        tokens = [(index.shape[1], width) for index, width in zip(units.indices, widths, strict=True)]
        self.denoiser = build_denoiser(tokens)

    def regression(self, group: str) -> Ridge:
        found = self.regressions[list(self.units.groups).index(group)]
        assert isinstance(found, Ridge)
        return found

    def expected(self, shown: Shown) -> Float[Tensor, " D"]:
        """The mean row that is predicted for a network: the generator without what makes rows differ."""
        row = torch.empty_like(self.spread)
        row[self.units.rest] = self.bias
        for name, columns in self.units.groups.items():
            row[columns] = self.regression(name)(shown.statistics[name])
        return centre(self.units, row, shown, sign=-1)

    def conditions(self, shown: Shown) -> list[Float[Tensor, "1 _ _"]]:
        """What the denoiser is told of each unit, before it is scaled: its statistics and its expected numbers."""
        row, told = self.expected(shown), []
        for name, columns in self.units.groups.items():
            told.append(torch.cat([shown.statistics[name], row[columns]], dim=1)[None])
        return [*told, *([row.new_zeros(1, 1, 1)] if len(self.units.rest) else [])]

    def denoise(
        self, x: Float[Tensor, "n D"], t: Int[Tensor, " n"], given: Sequence[Float[Tensor, "n _ _"]]
    ) -> Float[Tensor, "n D"]:
        return torch.cat([each.flatten(1) for each in self.denoiser(self.units.cut(x), t, given)], dim=1)

    @torch.no_grad()
    def sample(self, n: int, shown: Shown, *, seed: int, on_step: OnStep = silent) -> Float[Tensor, "n D"]:
        """n rows for the network that shows this, in one batch, on the CPU."""
        draw = randomness.generator(seed, "sample", device=self.spread.device)
        noise = torch.randn(n, len(self.spread), generator=draw, device=self.spread.device)
        return self.from_noise(noise, shown, draw, on_step)

    @torch.no_grad()
    def from_noise(
        self, noise: Float[Tensor, "n D"], shown: Shown, draw: torch.Generator, on_step: OnStep = silent
    ) -> Float[Tensor, "n D"]:
        """From x_T, whose columns lie in the order of the units."""
        scaled = [scale(each) for scale, each in zip(self.scales, self.conditions(shown), strict=True)]
        given = [each.expand(len(noise), -1, -1) for each in scaled]
        moves = draw_latents(
            lambda x, t: self.denoise(x, t, given), noise, self.diffusion, self.sampling, draw, on_step
        )
        rows = self.expected(shown).repeat(len(noise), 1)
        rows[:, self.units.order] += moves * self.spread
        return rows.cpu()
