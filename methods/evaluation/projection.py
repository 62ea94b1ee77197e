"""Principal axes of a set of parameter rows, for pictures."""

import numpy as np
import torch
from jaxtyping import Float

from methods.columns import columns
from methods.gram import centred_gram


def project(
    reference: Float[np.ndarray, "k D"], others: dict[str, Float[np.ndarray, "n D"]], *, axes: int = 2
) -> tuple[dict[str, Float[np.ndarray, "n a"]], list[float]]:
    """Coordinates of each group along the first principal axes of `reference`, and the share of variance of each axis.

    The axes come from the K×K Gram matrix, so the cost grows with D only linearly, and no matrix is copied whole.
    """
    values, vectors = np.linalg.eigh(centred_gram(torch.from_numpy(reference)).numpy())
    largest = np.argsort(values)[::-1][:axes]
    weights = vectors[:, largest] / np.sqrt(np.maximum(values[largest], np.finfo(np.float64).tiny))
    coordinates = {name: np.zeros((len(rows), weights.shape[1])) for name, rows in others.items()}
    for block in columns(reference.shape[1]):
        part = reference[:, block].astype(np.float64)
        mean = part.mean(0)
        directions = (part - mean).T @ weights
        for name, rows in others.items():
            coordinates[name] += (rows[:, block] - mean) @ directions
    shares = np.maximum(values[largest], 0) / max(values.sum(), np.finfo(np.float64).tiny)
    return coordinates, shares.tolist()
