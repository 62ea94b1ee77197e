"""Threads of arithmetic: how many a job has is part of what decides its numbers, so it never depends on the load.

A sum that is split among two threads is rounded otherwise than one that is not; a network that is trained on such sums
ends elsewhere. Every place that computes numbers therefore sets its threads to what the configuration says.
"""

import contextlib
import os
from collections.abc import Iterator

import torch
from threadpoolctl import threadpool_limits

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Read by libraries that are loaded later on, and by processes that are started."""


def set_threads(threads: int) -> None:
    """Of PyTorch, and of the BLAS and OpenMP libraries of NumPy, SciPy and scikit-learn, in this process."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    torch.set_num_threads(threads)
    threadpool_limits(threads)


@contextlib.contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Inside, arithmetic has so many threads; afterwards everything is as it was."""
    before, variables = torch.get_num_threads(), {name: os.environ.get(name) for name in VARIABLES}
    with threadpool_limits(threads):
        set_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            for name, value in variables.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
