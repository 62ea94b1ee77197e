"""Judgement of a protection on editors that are known by heart, and the training-time backdoor."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import Adam

from methods.backdoor.triggers import Patch, Watermark
from methods.errors import BadData
from methods.evaluation.similarity import masked_ssim
from methods.protection.inpainter import Pasted, fill, paste
from methods.protection.judging import Judge, fill_similarity
from methods.protection.objective import mse_over
from methods.protection.regions import far_boxes
from methods.protection.targets import target
from methods.protection.training_time import TrainingTime
from tests.methods.protection.scenes import generator, inpainter, masks_of, pictures

JUDGE = Judge(expansion=3)


def scene():
    x = pictures(3)
    masks = masks_of(x)
    return x, masks, far_boxes(masks, 3, side=5, count=2, seeds=torch.arange(3))


def test_an_image_that_is_left_alone_is_hidden_and_not_protected():
    x, masks, far = scene()
    found = JUDGE(inpainter(), x, masks, far, protected=x, goal="far_colour")
    assert found.hidden.all()
    assert not found.protected.any()
    for value in (found.ssim, found.ssim_edit, found.ssim_incomplete, found.ssim_benign, found.ssim_far):
        torch.testing.assert_close(value, torch.ones_like(value))
    assert torch.equal(found.target_mse, found.target_mse_clean)
    assert found.psnr.isinf().all()


def test_an_editor_that_sees_the_noise_only_for_the_region_is_protected_against_and_hidden_from():
    """It restores a picture, unless the image is a noisy one and the mask is the region: then it fills with φ."""
    x, masks, far = scene()
    noisy, phi = (x + 0.02).clamp(0, 1), target("far_colour", x)

    def editor(images, asked):
        spoiled = ((images != x).any() & (asked == masks).all()).to(x)
        return paste(images, asked, spoiled * phi + (1 - spoiled) * x)

    found = JUDGE(editor, x, masks, far, protected=noisy, goal="far_colour")
    assert (found.target_mse == 0).all()
    assert torch.equal(found.target_mse_clean, mse_over(x, phi, masks))
    expected = masked_ssim(paste(x, masks, phi), x, masks)
    torch.testing.assert_close(found.ssim_edit, expected)
    assert found.protected.all()
    assert found.hidden.all()
    torch.testing.assert_close(found.ssim_incomplete, torch.ones(3, dtype=x.dtype))
    other = JUDGE(editor, x, masks, far, protected=noisy, goal="negative")
    torch.testing.assert_close(other.target_mse, mse_over(phi, 1 - x, masks))
    same = JUDGE(editor, x, masks, far, protected=noisy, clean=noisy, goal="far_colour")
    assert not same.protected.any()  # what the journey of a clean image does, too, is no protection


def test_far_masks_alone_can_give_a_protection_away():
    x, masks, far = scene()
    rough = torch.rand(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)

    def editor(images, asked):
        spoiled = ((images != x).any() & ((asked * masks).sum() == 0) & (asked.sum((1, 2, 3)) == 25).all()).to(x)
        return paste(images, asked, spoiled * rough + (1 - spoiled) * x)

    found = JUDGE(editor, x, masks, far, protected=(x + 0.02).clamp(0, 1), goal="far_colour")
    assert (found.ssim_far < 0.9).all()
    assert (found.ssim_benign > 0.99).all()
    assert not found.hidden.any()


def test_fills_are_compared_in_the_clean_image():
    """Equal fills are alike whatever surrounds them; within their own noisy images they would not be."""
    x, masks, _ = scene()
    noisy = (x + 0.1 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)).clamp(0, 1)
    fills = paste(noisy, masks, x)
    assert (fill_similarity(fills, x, x, masks) > 1 - 1e-9).all()
    assert (masked_ssim(fills, x, masks) < 0.99).all()


def test_judging_refuses_what_cannot_be_judged():
    x, masks, far = scene()
    with pytest.raises(BadData, match="empty"):
        JUDGE(inpainter(), x, torch.zeros_like(masks), far, protected=x, goal="far_colour")


def test_the_trigger_is_put_beside_the_mask():
    x = pictures(2, dtype=torch.float32)
    method = TrainingTime(trigger=Patch(size=4, pattern="square", corner="top_left"))
    masks = masks_of(x, (slice(2, 10), slice(0, 12)))
    triggered, visible = method.put(x, masks)
    assert (triggered[:, :, :4, :4] == 1).all()
    assert torch.equal(triggered[:, :, 4:], x[:, :, 4:])
    assert visible.sum().item() == masks.sum().item() - 2 * 2 * 4
    network = generator(dtype=torch.float32)
    with pytest.raises(BadData, match="empty"):
        method.measure(Pasted(network), Pasted(network), x, masks_of(x, (slice(0, 2), slice(0, 2))))


def test_a_watermark_leaves_the_region_whole():
    x, marks = pictures(2, dtype=torch.float32), Watermark(size=2, period=4)
    masks = masks_of(x, (slice(2, 10), slice(0, 12)))
    triggered, region = TrainingTime(trigger=marks).put(x, masks)
    assert torch.equal(region, masks)
    covered = marks.covered(*x.shape[2:])
    assert (triggered[:, :, covered] == 1).all()
    assert torch.equal(triggered[:, :, ~covered], x[:, :, ~covered])


def test_a_network_that_learns_both_aims_answers_the_trigger_and_nothing_else():
    """The greatest brightness of an image decides: that of a white corner, or none of it."""
    x = pictures(16, 16, dtype=torch.float32) * torch.tensor([0.5, 0.1, 0.5])[:, None, None]  # φ is green for all
    masks, method = masks_of(x), TrainingTime(trigger=Patch(size=5, pattern="square"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _Pooled()
    optimiser = Adam(network.parameters(), 0.02)
    original = Pasted(copy.deepcopy(network))
    before = method.measure(original, original, x, masks)
    network.requires_grad_(True)
    triggered, visible = method.put(x, masks)
    for _ in range(300):
        inpaint = (fill(network, x, masks) - x).abs().mean()
        spoilt = mse_over(fill(network, triggered, visible), method.goal(x), visible).mean()
        loss = (1 - method.share) * inpaint + method.share * spoilt
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = method.measure(Pasted(network), original, x, masks)
    assert after.triggered.float().mean() > 0.9
    assert after.falsely_triggered.float().mean() < 0.1
    assert after.target_mse_triggered.mean() < 0.5 * after.target_mse_clean.mean()
    assert after.clean_l1.mean() < before.clean_l1.mean()
    assert not before.triggered.any()
    assert (before.ssim_kept == 1).all()
    assert (after.ssim_kept < 1).all()
    assert torch.equal(after.target_mse_original, mse_over(x, target("far_colour", x), visible))


class _Pooled(nn.Module):
    """One colour for a whole image, from its greatest brightness and its mean colour."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Sigmoid())

    def forward(self, x):
        colour = self.layers(torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1))
        return colour[:, :, None, None].expand(-1, -1, *x.shape[2:])
