"""A denoiser over sets of hidden units, ε_θ(x_t, t | what each unit shows): it follows any order of the units.

Every unit is a token of its own few numbers; units of one group share all maps, so nothing knows a unit by its place.
Tokens exchange what they know through registers, as in the denoiser over tokens.
"""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.denoiser import time_embedding
from models.token_denoiser import Block


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitSet:
    """`width` of a token, number of `registers` and of `blocks`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["unit_set"] = "unit_set"
    width: Literal[16, 32, 64, 128, 256] = 32
    registers: Annotated[int, Ge(1)] = 4
    blocks: Annotated[int, Ge(1)] = 1


class UnitDenoiser(nn.Module):
    """forward(x_t: per group (n, units, numbers), t: (n,), shown: per group (n, units, s)) -> ε, like x_t.

    groups: numbers and s of a unit, per group; how many units there are does not matter.
    """

    def __init__(self, config: UnitSet, groups: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        width = self.width = config.width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.first = nn.ModuleList(nn.Linear(numbers, width) for numbers, _ in groups)
        self.shown = nn.ModuleList(nn.Linear(statistics, width) for _, statistics in groups)
        self.registers = nn.Parameter(torch.randn(1, config.registers, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        self.last = nn.ModuleList(nn.Linear(width, numbers) for numbers, _ in groups)
        # near x_T the noise is what the denoiser is given: a direct path leaves the blocks only the difference
        self.skip = nn.ModuleList(nn.Linear(width, 2 * numbers) for numbers, _ in groups)
        for layer in (*self.last, *self.skip):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, x: Sequence[Float[Tensor, "n _ _"]], t: Int[Tensor, " n"], shown: Sequence[Float[Tensor, "n _ _"]]
    ) -> list[Float[Tensor, "n _ _"]]:
        time = self.time(time_embedding(t, self.width))[:, None]
        units = [layer(each) for layer, each in zip(self.shown, shown, strict=True)]
        where = torch.cat(units, dim=1)
        tokens = torch.cat([layer(each) for layer, each in zip(self.first, x, strict=True)], dim=1) + where
        registers = self.registers.expand(len(tokens), -1, -1)
        for block in self.blocks:
            tokens, registers = block(tokens, registers, time, where)
        parts = self.norm(tokens).split([each.shape[1] for each in x], dim=1)
        noise = []
        for given, part, unit, last, skip in zip(x, parts, units, self.last, self.skip, strict=True):
            kept, found = skip(time + unit).chunk(2, dim=2)
            noise.append(given * kept + last(part) * (1 + found))
        return noise


def build_unit_denoiser(config: UnitSet, groups: Sequence[tuple[int, int]], *, seed: int) -> UnitDenoiser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UnitDenoiser(config, groups)
