"""Structural similarity against its definition, window by window, and scikit-image's conventions."""

import numpy as np
import pytest
import torch

from methods.evaluation.similarity import l2, masked_l1, masked_ssim, psnr, ssim, ssim_map


def pictures(seed, shape=(2, 1, 9, 8)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(x, y):
    """Equation 13 of one window of two flat lists of pixels."""
    covariance = np.cov(np.stack([x, y]))
    c1, c2 = 0.0001, 0.0009
    means = 2 * x.mean() * y.mean() + c1, x.mean() ** 2 + y.mean() ** 2 + c1
    return means[0] * (2 * covariance[0, 1] + c2) / (means[1] * (covariance[0, 0] + covariance[1, 1] + c2))


def test_every_window_is_the_definition():
    x, y = pictures(0), pictures(1)
    found = ssim_map(x, y)
    assert found.shape == (2, 1, 3, 2)
    for row in range(3):
        for column in range(2):
            windows = (image[1, 0, row : row + 7, column : column + 7].numpy().ravel() for image in (x, y))
            assert found[1, 0, row, column].item() == pytest.approx(by_definition(*windows), abs=1e-12)
    torch.testing.assert_close(ssim(x, y), found.mean((1, 2, 3)))


def test_an_image_is_like_itself_and_unlike_its_negative():
    x = pictures(2)
    torch.testing.assert_close(ssim(x, x), torch.ones(2, dtype=torch.float64))
    assert (ssim(x, 1 - x) < 0).all()
    small = pictures(3, (2, 3, 4, 5))
    assert ssim_map(small, small).shape == (2, 3, 1, 2)


def test_distance_is_that_of_flat_images():
    x = torch.zeros(1, 1, 2, 2)
    assert l2(x, x + 0.5).item() == 1.0


def test_masked_measures_see_the_mask_alone() -> None:
    x = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(3))
    masks = torch.zeros(2, 1, 20, 24)
    masks[:, :, 8:12, 8:12] = 1
    y = x.clone()
    y[..., 10, 10] += 0.5
    assert torch.allclose(masked_l1(x, y, masks), torch.tensor(0.5 / 16))
    assert (masked_l1(x, y, 1 - masks) == 0).all()
    assert torch.allclose(masked_ssim(x, x, masks), torch.ones(2))
    assert (masked_ssim(x, y, masks) < 0.999).all()
    far = torch.zeros_like(masks)
    far[:, :, 0, :] = 1  # no window of that row reaches the change
    assert torch.allclose(masked_ssim(x, y, far), torch.ones(2))


def test_masked_ssim_of_the_inner_windows_is_the_mean_of_the_map() -> None:
    x, y = torch.rand(2, 1, 3, 15, 15, generator=torch.Generator().manual_seed(4))
    masks = torch.zeros(1, 1, 15, 15)
    masks[..., 3:12, 3:12] = 1
    torch.testing.assert_close(masked_ssim(x, y, masks), ssim(x, y))


def test_a_tenth_of_the_range_is_twenty_decibels():
    x = torch.zeros(2, 3, 4, 4, dtype=torch.float64)
    assert psnr(x, x + 0.1).tolist() == pytest.approx([20.0, 20.0])
    assert psnr(x, x).tolist() == [float("inf")] * 2
