"""scikit-learn's handwritten digits: 1,797 images of 8 by 8 pixels, in the package itself, no file to fetch."""

from functools import partial

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, select

from storage.datasets.carving import stratified, without
from storage.datasets.source import Pictures, Source

TEST_IMAGES = 539
"""30 % of 1,797; the set has no test split of its own."""

TEST_SEED = 1797
"""Never `Data.seed`: another carving of the training images must not move the test images."""


def digits() -> Source:
    """The set with its values 0..16 spread over 0..255 and a test split that is always the same."""
    # Imported here, because it takes as long as importing PyTorch and no other source needs it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(np.round(bunch.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    held_out = stratified(labels, TEST_IMAGES, seed=TEST_SEED)

    def part(rows: Int64[Tensor, " n"]) -> Pictures:
        pictures = images[rows]
        return Pictures(labels=labels[rows], readers=lambda chosen: (partial(select, pictures, 0, k) for k in chosen))

    return Source(
        name="digits",
        classes=tuple(str(name) for name in bunch.target_names),
        train=part(without(len(labels), held_out)),
        test=part(held_out),
    )
