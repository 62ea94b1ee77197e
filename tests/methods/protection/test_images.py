"""Regions, targets, saving and distortions, by hand and against Pillow."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from methods.errors import BadData
from methods.protection.distortions import Blur, Distortions, Jpeg, Resize
from methods.protection.objective import mse_over
from methods.protection.regions import expanded, far_boxes, half, ring
from methods.protection.saving import as_bytes, from_bytes, saved
from methods.protection.targets import target
from tests.methods.protection.plain import expand, farthest_colour, mse_masked
from tests.methods.protection.scenes import masks_of, pictures


def test_regions_by_the_public_procedure_and_by_hand():
    masks = masks_of(pictures(2))
    masks[1, 0, 0, 0] = 1  # the expansion is cut at the edge of the image
    assert torch.equal(expanded(masks, 3), expand(masks, 7))
    assert torch.equal(ring(masks, 3), (expand(masks, 7) - masks).clamp(0, 1))
    assert torch.equal(expanded(masks, 0), masks)
    halves = half(masks)
    assert torch.equal(halves[0, 0, 8:14].sum(0), torch.tensor([0.0] * 9 + [6.0] * 3 + [0.0] * 12).double())
    triangle = torch.ones(1, 1, 4, 4).triu()
    assert torch.equal(half(triangle)[0, 0].sum(0), torch.tensor([1.0, 2.0, 3.0, 0.0]))


def test_far_boxes_lie_outside_of_the_expanded_mask_and_belong_to_their_seed():
    masks, seeds = masks_of(pictures(3)), torch.tensor([1, 2, 3])
    boxes = far_boxes(masks, 3, side=5, count=4, seeds=seeds)
    assert boxes.shape == (3, 4, 24, 24)
    assert (boxes.sum((2, 3)) == 25).all()
    assert (boxes * expanded(masks, 3) == 0).all()
    assert torch.equal(boxes[1:2], far_boxes(masks[1:2], 3, side=5, count=4, seeds=seeds[1:2]))
    assert not torch.equal(boxes[0], boxes[1])
    for side in (9, 30):
        with pytest.raises(BadData, match="no square"):
            far_boxes(masks, 3, side=side, count=1, seeds=seeds)


def test_the_target_is_the_farthest_pure_colour():
    x = pictures(12, seed=4)
    x = (x * torch.rand(12, 3, 1, 1, generator=torch.Generator().manual_seed(0), dtype=x.dtype) * 255).round() / 255
    found = target("far_colour", x)
    for place in range(12):
        assert torch.equal(found[place : place + 1], farthest_colour(x[place : place + 1]))
    assert len({tuple(colour.tolist()) for colour in found[:, :, 0, 0]}) == 3
    grey = torch.full((1, 3, 7, 5), 0.3)
    assert target("far_colour", grey)[0, :, 0, 0].tolist() == [0, 1, 0]
    assert torch.equal(target("negative", x), 1 - x)


def test_the_masked_error_is_the_mean_over_channels_and_pixels():
    x, y = pictures(2), pictures(2, seed=1)
    masks = masks_of(x)
    masks[1, 0, 2:4, 3:20] = 1
    found = mse_over(x, y, masks)
    for place in range(2):
        own = (each[place : place + 1] for each in (x, y, masks))
        assert found[place].item() == pytest.approx(mse_masked(*own).item(), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("epsilon", [1 / 255, 4 / 255, 0.025, 0.0041])
def test_saving_keeps_the_budget_of_any_image_and_is_read_back_as_it_was(epsilon, dtype):
    draw = torch.Generator().manual_seed(3)
    x = torch.rand(4, 3, 9, 9, generator=draw, dtype=dtype)
    noisy = x + 3 * epsilon * (2 * torch.rand(x.shape, generator=draw, dtype=dtype) - 1)
    found = saved(noisy, x, epsilon)
    slack = 1e-3 / 255 + 1e-7
    assert (found.double() - x.double()).abs().max() <= epsilon + slack
    assert torch.equal(from_bytes(as_bytes(found), dtype), found)
    within = saved(x, x, epsilon)  # without noise, the level nearest to it
    assert (within - x).abs().max() <= 0.5 / 255 + slack


def test_a_budget_below_a_level_leaves_images_of_8_bits_alone():
    x = pictures(2, dtype=torch.float32)
    assert torch.equal(saved(x + 0.5 / 255, x, 0.9 / 255), x)
    assert torch.equal(as_bytes(saved(x + 1, x, 0.025)), (255 * x + 6).round().clamp(max=255).to(torch.uint8))
    between = torch.full((1, 3, 2, 2), 10.4 / 255)
    assert saved(between, between, 0.1 / 255).unique() * 255 == pytest.approx(10, abs=1e-4)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("size", [(32, 32), (27, 38)])
def test_compression_is_that_of_a_jpeg_file(quality, size):
    x = pictures(1, 40)[:, :, : size[0], : size[1]]
    x = (255 * (x + 0.05 * torch.sin(torch.arange(size[1]).double())).clamp(0, 1)).round() / 255
    stored = io.BytesIO()
    Image.fromarray(as_bytes(x)[0].permute(1, 2, 0).numpy()).save(stored, "JPEG", quality=quality)
    read = np.asarray(Image.open(stored)).astype(float)
    ours = 255 * Jpeg(quality=quality)(x)[0].permute(1, 2, 0).numpy()
    assert ours.shape == read.shape
    assert np.abs(ours - read).mean() < 1.5
    assert np.abs(ours - 255 * x[0].permute(1, 2, 0).numpy()).mean() > np.abs(ours - read).mean()


def test_resizing_and_blurring_by_hand():
    constant = torch.full((1, 3, 12, 10), 0.4)
    for distort in (Resize(scale=0.75), Resize(scale=2.0), Blur(sigma=1.5), Jpeg(quality=95)):
        assert (distort(constant) - 0.4).abs().max() < 1e-2
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 3, 8, 8)
    assert Resize(scale=0.5)(stripes).std() < 0.2 * stripes.std()
    impulse = torch.zeros(1, 3, 9, 9, dtype=torch.float64)
    impulse[:, :, 4, 4] = 1
    weights = torch.exp(-(torch.arange(-3, 4).double() ** 2) / 2)
    weights = weights / weights.sum()
    expected = torch.zeros(9, 9, dtype=torch.float64)
    expected[1:8, 1:8] = weights[:, None] * weights
    assert (Blur(sigma=1.0)(impulse)[0, 1] - expected).abs().max() < 1e-12


DRAWN = Distortions(count=1).draw(torch.tensor([3, 4]))[0]


@pytest.mark.parametrize("distort", [Jpeg(quality=60), Resize(), Blur(), DRAWN])
def test_a_gradient_reaches_every_pixel_through_a_distortion(distort):
    x = (0.25 + pictures(2, 16) / 2).requires_grad_()
    weights = torch.rand(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    (slope,) = torch.autograd.grad((weights * distort(x)).sum(), x)
    assert slope.isfinite().all()
    assert (slope != 0).double().mean() > 0.99


def test_distortions_are_drawn_by_the_seed_of_each_image_within_their_ranges():
    x = pictures(6)
    seeds = torch.arange(6)
    versions = Distortions(count=3).draw(seeds)
    for version, alone in zip(versions, Distortions(count=3).draw(seeds[4:5]), strict=True):
        torch.testing.assert_close(version(x)[4:5], alone(x[4:5]))
    many = Distortions(count=8, quality=(60, 70), scale=(0.8, 0.9)).draw(seeds)
    ones = [one for each in many for one in each.of_image]
    qualities = {one.quality for one in ones if isinstance(one, Jpeg)}
    scales = {one.scale for one in ones if isinstance(one, Resize)}
    assert qualities <= set(range(60, 71))
    assert all(0.8 <= scale <= 0.9 for scale in scales)
    assert min(len(qualities), len(scales)) > 3
