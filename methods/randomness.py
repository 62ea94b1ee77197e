"""Randomness as a function of names: the same seed and purpose give the same numbers in any process and order."""

import hashlib

import torch


def generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose, so that adding a draw in one place changes no other."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of its own, in [0, 2^31), for one purpose."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
