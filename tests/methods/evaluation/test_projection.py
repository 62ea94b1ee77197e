"""Principal axes against numpy's singular value decomposition."""

import numpy as np
import pytest

from methods.evaluation.projection import project


@pytest.mark.parametrize("shape", [(9, 40), (40, 9), (2, 5)])
def test_axes_and_shares_are_those_of_the_singular_value_decomposition(shape):
    rng = np.random.default_rng(0)
    reference = (3 + rng.normal(size=shape) * rng.uniform(0.1, 4, shape[1])).astype(np.float32)
    others = {"reference": reference, "elsewhere": rng.normal(size=(3, shape[1])).astype(np.float32)}
    axes = min(2, shape[0] - 1)
    projected, shares = project(reference, others, axes=axes)
    mean = reference.astype(np.float64).mean(0)
    _, values, directions = np.linalg.svd(reference - mean, full_matrices=False)
    np.testing.assert_allclose(shares, values[:axes] ** 2 / (values**2).sum(), rtol=1e-9)
    for name, rows in others.items():
        expected = (rows - mean) @ directions[:axes].T
        signs = np.sign((projected["reference"] * ((reference - mean) @ directions[:axes].T)).sum(0))
        np.testing.assert_allclose(projected[name] * signs, expected, atol=1e-8)


def test_equal_rows_lie_in_one_point():
    projected, shares = project(np.ones((5, 7), np.float32), {"same": np.ones((3, 7), np.float32)})
    assert np.array_equal(projected["same"], np.zeros((3, 2)))
    assert shares == [0, 0]
