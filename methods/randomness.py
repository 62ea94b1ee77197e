"""Randomness as a function of names: the same seed and purpose give the same numbers in any process and order."""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import numpy as np
import torch


def generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose, so that adding a draw in one place changes no other."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of its own, in [0, 2^31), for one purpose."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@contextlib.contextmanager
def global_draws(seed: int, *purpose: str | int, device: torch.device) -> Iterator[None]:
    """Inside, layers that take no generator (dropout, stochastic depth) draw what seed and purpose decide.

    Outside, PyTorch's global state on the CPU and on `device` is as it was.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive(seed, *purpose))
        yield


@contextlib.contextmanager
def all_global_draws(seed: int, *purpose: str | int, device: torch.device) -> Iterator[None]:
    """The same for other people's code, which may draw from NumPy and from Python's `random` too."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    own = derive(seed, *purpose)
    with global_draws(seed, *purpose, device=device):
        np.random.seed(own)
        random.seed(own)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
