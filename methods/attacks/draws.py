"""Random numbers of each sample's own: a function of (seed, stream, position), whatever else is in the batch.

SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) as a counter-based generator: no
state, so a batch may be split, repacked or put in another order, on any device.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - 2**64
FIRST, SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64
"""The constants of SplitMix64, as two's complement; products wrap around, as they should."""
FLOAT_BITS = {torch.float32: 24, torch.float64: 53}


def uniform(
    seeds: Int[Tensor, " n"], *stream: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "n ..."]:
    """In [0, 1), of the shape (n, *shape)."""
    bits = FLOAT_BITS[dtype]
    values = _shift(_integers(seeds, stream, math.prod(shape)), 64 - bits).to(dtype) * 2.0**-bits
    return values.unflatten(1, shape) if shape else values[:, 0]


def normal(
    seeds: Int[Tensor, " n"], *stream: int, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "n ..."]:
    """Standard normal, by the inverse of its distribution function."""
    inside = uniform(seeds, *stream, shape=shape, dtype=torch.float64) + 2.0**-54
    return torch.special.ndtri(inside).to(dtype)


def _integers(seeds: Int[Tensor, " n"], stream: tuple[int, ...], count: int) -> Int[Tensor, "n count"]:
    key = _mix(seeds.long())
    for number in stream:
        key = _mix(key + GOLDEN * torch.tensor(number + 1, device=seeds.device))
    positions = torch.arange(1, count + 1, device=seeds.device)
    return _mix(key[:, None] + GOLDEN * positions)


def _mix(z: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    z = (z ^ _shift(z, 30)) * FIRST
    z = (z ^ _shift(z, 27)) * SECOND
    return z ^ _shift(z, 31)


def _shift(z: Int[Tensor, "..."], bits: int) -> Int[Tensor, "..."]:
    """To the right, with zeros moving in."""
    return (z >> bits) & (2 ** (64 - bits) - 1)
