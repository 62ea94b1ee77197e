"""Rows for a network that no row was ever collected of, from what its hidden units show.

Fitted on the rows of several networks: row = m(network) + δ, where m is the mean row of a network and δ how its rows
move about it. m is predicted by ridge regression from each unit's statistics to the same unit's numbers, the head's
bias so that the outputs' mean over the images is that of other networks; δ is drawn by a DDPM over the set of units,
given the same statistics and m. What of m the statistics do not tell is left out: samples vary as rows of one network
vary, not as networks vary.

Units of a group are treated alike, so the networks need not be aligned to one another, and permuting a recipient's
units permutes what is generated for it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from methods import randomness
from methods.diffusion.ema import Ema
from methods.diffusion.process import loss
from methods.errors import BadData
from methods.generation.latent_ddpm import Diffusion, Sampling
from methods.generation.scaling import Standardise
from methods.generation.unit_sampler import UnitSampler, centre
from methods.generation.unit_statistics import Shown
from methods.generation.units import Units
from methods.progress import OnStep, silent
from methods.training.curve import Curve
from methods.training.descent import adaptive, descend


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitDiffusion:
    """`build_denoiser` builds a network for (numbers, statistics) of a unit in each group, from a seed.

    shrinkage: of the regression, whose statistics have unit variance.
    """

    build_denoiser: Callable[..., nn.Module]
    shrinkage: float = 0.1
    diffusion: Diffusion = Diffusion()
    sampling: Sampling = Sampling()
    name: ClassVar[str] = "unit_diffusion"

    def fit(
        self,
        units: Units,
        rows: Sequence[Float[Tensor, "_ D"]],
        shown: Sequence[Shown],
        *,
        seed: int,
        on_step: OnStep = silent,
    ) -> tuple[UnitSampler, Curve]:
        """Of each network its rows and what it shows, all on one device. Raises `BadData`, `Diverged`."""
        if len(rows) < 2 or len(rows) != len(shown) or min(map(len, rows)) < 2:
            raise BadData(
                problem=f"{sum(map(len, rows))} rows of {len(rows)} networks are too few to tell what they share",
                remedy="give two networks or more with two rows or more each",
            )
        statistics = {name: each.shape[1] for name, each in shown[0].statistics.items()}
        model = self.networks(units, statistics, seed=seed).to(rows[0].device)
        # m: of every unit its numbers, and of the head its mean output in place of its bias
        means = torch.stack([each.mean(0) for each in rows])
        centred = torch.stack([centre(units, mean, each) for mean, each in zip(means, shown, strict=True)])
        model.bias = centred[:, units.rest].mean(0)
        for name, columns in units.groups.items():
            given = torch.cat([each.statistics[name] for each in shown])
            model.regression(name).fit(given, centred[:, columns].flatten(0, 1), self.shrinkage)
        # δ, on a common scale for each number of a unit, and what the denoiser is told of the network that it is of
        seen = [[each[0] for each in model.conditions(one)] for one in shown]
        conditions = [torch.stack(each) for each in zip(*seen, strict=True)]
        for scale, each in zip(model.scales, conditions, strict=True):
            scale.load_state_dict(Standardise.fit(each.flatten(0, 1)).state_dict())
        conditions = [scale(each) for scale, each in zip(model.scales, conditions, strict=True)]
        moves = torch.cat([each - mean for each, mean in zip(rows, means, strict=True)])[:, units.order]
        spread = [each.square().mean((0, 1)).sqrt().expand(each.shape[1:]).flatten() for each in units.cut(moves)]
        model.spread = torch.cat(spread).clamp(min=torch.finfo(torch.float32).tiny)
        owner = torch.arange(len(rows)).repeat_interleave(torch.tensor([*map(len, rows)])).to(moves.device)
        curve = self._train(model, moves / model.spread, owner, conditions, seed=seed, on_step=on_step)
        return model.eval(), curve

    def networks(self, units: Units, statistics: Mapping[str, int], *, seed: int = 0) -> UnitSampler:
        """Before it is fitted, or for the state of one that was; of each group, how many statistics a unit shows."""
        return UnitSampler(units, statistics, partial(self.build_denoiser, seed=seed), self.diffusion, self.sampling)

    def _train(
        self,
        model: UnitSampler,
        moves: Float[Tensor, "k D"],
        owner: Int[Tensor, " k"],
        conditions: Sequence[Float[Tensor, "networks _ _"]],
        *,
        seed: int,
        on_step: OnStep,
    ) -> Curve:
        draw, ema = randomness.generator(seed, "denoiser", device=moves.device), Ema(model.denoiser, self.diffusion.ema)

        def error() -> Float[Tensor, ""]:
            chosen = torch.randint(len(moves), (self.diffusion.batch_size,), generator=draw, device=moves.device)
            given = [each[owner[chosen]] for each in conditions]
            return loss(lambda x, t: model.denoise(x, t, given), moves[chosen], self.diffusion.schedule, draw)

        curve = descend(
            model.denoiser.parameters(),
            error,
            stage="denoiser",
            steps=self.diffusion.steps,
            learning_rate=self.diffusion.learning_rate,
            recipe=adaptive(self.diffusion.weight_decay),
            after=lambda: ema.update(model.denoiser),
            on_step=on_step,
        )
        model.denoiser = ema.network
        return curve
