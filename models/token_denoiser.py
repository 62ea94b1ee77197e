"""A denoiser over the tokens of a row, ε_θ(x_t, t): every token sees all others, at a cost linear in their number.

Tokens exchange what they know through a few registers, which read from all tokens and write back to all of them
(induced set attention: Lee et al., "Set Transformer", arXiv 1810.00825, §3.1). Each token is told its layer, by a
learned embedding, and its place in the layer, by sines; so the number of parameters does not grow with the row, and a
random part of the tokens is as good an input as all of them.
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from models.denoiser import time_embedding

HEADS = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """`width` of a token (a multiple of 4), number of `registers` and of `blocks`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["token_set"] = "token_set"
    width: Literal[16, 32, 64, 128, 256] = 64
    registers: Annotated[int, Ge(1)] = 16
    blocks: Annotated[int, Ge(1)] = 3


class Attention(nn.Module):
    """`queries` ask `keys`; positions among the keys carry no meaning."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, queries: Float[Tensor, "n q w"], keys: Float[Tensor, "n k w"]) -> Float[Tensor, "n q w"]:
        q, k, v = (
            part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.q(queries), *self.kv(keys).chunk(2, dim=2))
        )
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Conditioned(nn.Module):
    """A residual layer of two linear maps whose input is normalised, then scaled and shifted by a condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.condition = nn.Linear(width, 2 * width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Float[Tensor, "n m w"], condition: Float[Tensor, "n #m w"]) -> Float[Tensor, "n m w"]:  # noqa: F821 – an axis that broadcasts
        scale, shift = self.condition(condition).chunk(2, dim=2)
        return x + self.down(silu(self.up(self.norm(x) * (1 + scale) + shift)))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.read, self.write = Attention(width), Attention(width)
        self.register_layer, self.token_layer = Conditioned(width), Conditioned(width)

    def forward(
        self,
        tokens: Float[Tensor, "n m w"],
        registers: Float[Tensor, "n r w"],
        time: Float[Tensor, "n 1 w"],
        where: Float[Tensor, "#n m w"],
    ) -> tuple[Float[Tensor, "n m w"], Float[Tensor, "n r w"]]:
        registers = registers + self.read(registers, self.norm(tokens))
        registers = self.register_layer(registers, time)
        tokens = tokens + self.write(self.norm(tokens), registers)
        return self.token_layer(tokens, time + where), registers


class TokenSetDenoiser(nn.Module):
    """forward(x_t: (n, m, d), t: (n,) in 1..T, layer: (m,), place: (m,)) -> ε: (n, m, d), for any number m."""

    def __init__(self, config: TokenSet, layers: int, latent: int) -> None:
        super().__init__()
        width = config.width
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.layer, self.place = nn.Embedding(layers, width), nn.Linear(width, width)
        self.first, self.last = nn.Linear(latent, width), nn.Linear(width, latent)
        self.registers = nn.Parameter(torch.randn(1, config.registers, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        # near x_T the noise is what the denoiser is given: a direct path leaves the blocks only the difference
        self.skip = nn.Linear(width, 2 * latent)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.skip.weight)
        nn.init.zeros_(self.skip.bias)

    def forward(
        self, x: Float[Tensor, "n m d"], t: Int[Tensor, " n"], layer: Int[Tensor, " m"], place: Int[Tensor, " m"]
    ) -> Float[Tensor, "n m d"]:
        time = self.time(time_embedding(t, self.width))[:, None]
        where = (self.layer(layer) + self.place(time_embedding(place, self.width)))[None]
        tokens, registers = self.first(x) + where, self.registers.expand(len(x), -1, -1)
        for block in self.blocks:
            tokens, registers = block(tokens, registers, time, where)
        given, found = self.skip(time + where).chunk(2, dim=2)
        return x * given + self.last(self.norm(tokens)) * (1 + found)


def build_token_denoiser(config: TokenSet, layers: int, latent: int, *, seed: int) -> TokenSetDenoiser:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TokenSetDenoiser(config, layers, latent)
