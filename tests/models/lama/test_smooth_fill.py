"""The smooth fill: what harmonic functions are known to do, and the equation itself solved another way."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import spsolve

from models.lama.smooth_fill import NEIGHBOURS, smooth_fill

DOUBLE = torch.float64


def hole(height: int, width: int, *boxes: tuple[int, int, int, int]) -> torch.Tensor:
    known = torch.ones(1, 1, height, width, dtype=DOUBLE)
    for top, left, down, across in boxes:
        known[..., top : top + down, left : left + across] = 0
    return known


def solved(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Every unknown pixel is the mean of its neighbours, those beyond the edge being the edge: a linear system."""
    height, width = image.shape
    kernel = np.array(NEIGHBOURS) / np.sum(NEIGHBOURS)
    rows, right = sparse.lil_matrix((image.size, image.size)), np.where(known == 1, image, 0).ravel()
    for y, x in np.ndindex(height, width):
        rows[y * width + x, y * width + x] = 1
        if known[y, x]:
            continue
        for down, across in np.ndindex(3, 3):
            beside = (min(max(y + down - 1, 0), height - 1), min(max(x + across - 1, 0), width - 1))
            rows[y * width + x, beside[0] * width + beside[1]] -= kernel[down, across]
    return spsolve(rows.tocsr(), right).reshape(height, width)


@pytest.mark.parametrize("boxes", [((3, 4, 6, 7),), ((0, 0, 5, 5), (9, 10, 4, 6)), ((2, 0, 9, 17),)])
def test_many_sweeps_solve_the_equation(boxes: tuple[tuple[int, int, int, int], ...]) -> None:
    image = torch.rand(1, 1, 13, 17, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    known = hole(13, 17, *boxes)
    expected = torch.from_numpy(solved(image[0, 0].numpy(), known[0, 0].numpy()))
    torch.testing.assert_close(smooth_fill(image, known, sweeps=500)[0, 0], expected, atol=1e-6, rtol=0)
    assert (smooth_fill(image, known)[0, 0] - expected).abs().max() < 0.1


def test_known_pixels_stay_and_those_of_the_hole_do_not_matter() -> None:
    draw = torch.Generator().manual_seed(1)
    image, other = torch.rand(2, 2, 3, 21, 34, dtype=DOUBLE, generator=draw)
    known = hole(21, 34, (4, 6, 11, 13)).expand(2, -1, -1, -1)
    filled = smooth_fill(image, known)
    assert torch.equal(filled * known, image * known)
    torch.testing.assert_close(smooth_fill(known * image + (1 - known) * other, known), filled)
    mixed = smooth_fill(0.3 * image + 0.5 * other, known)
    torch.testing.assert_close(mixed, 0.3 * filled + 0.5 * smooth_fill(other, known))


def test_a_constant_is_filled_by_itself_and_no_fill_exceeds_what_is_around() -> None:
    known, constant = hole(40, 30, (5, 5, 30, 20)), torch.full((1, 3, 40, 30), 0.7, dtype=DOUBLE)
    torch.testing.assert_close(smooth_fill(constant, known), constant)
    image = torch.rand(1, 3, 40, 30, dtype=DOUBLE, generator=torch.Generator().manual_seed(2))
    filled = smooth_fill(image, known)
    assert filled.min() >= image.min()
    assert filled.max() <= image.max()


def test_gradients_reach_what_is_around_the_hole_and_not_what_is_in_it() -> None:
    image, known = torch.rand(1, 1, 16, 16, dtype=DOUBLE, requires_grad=True), hole(16, 16, (5, 5, 6, 6))
    (smooth_fill(image, known) * (1 - known)).sum().backward()
    assert image.grad is not None
    assert (image.grad * (1 - known)).abs().max() == 0
    # what the hole is filled with, in sum, is the sum of the weights of the pixels around
    assert image.grad.sum().item() == pytest.approx(36)
