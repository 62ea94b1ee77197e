"""Principal axes of a set of parameter rows, for pictures."""

import numpy as np
from jaxtyping import Float


def project(
    reference: Float[np.ndarray, "k D"], others: dict[str, Float[np.ndarray, "n D"]], *, axes: int = 2
) -> tuple[dict[str, Float[np.ndarray, "n a"]], list[float]]:
    """Coordinates of each group along the first principal axes of `reference`, and the share of variance of each axis.

    The axes come from the K×K Gram matrix, so the cost grows with D only linearly.
    """
    mean = reference.mean(0, dtype=np.float64)
    centred = reference - mean
    values, vectors = np.linalg.eigh(centred @ centred.T)
    largest = np.argsort(values)[::-1][:axes]
    lengths = np.sqrt(np.maximum(values[largest], np.finfo(np.float64).tiny))
    directions = centred.T @ vectors[:, largest] / lengths
    shares = np.maximum(values[largest], 0) / max(values.sum(), np.finfo(np.float64).tiny)
    return {name: (rows - mean) @ directions for name, rows in others.items()}, shares.tolist()
