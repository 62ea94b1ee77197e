"""Random masks: two values, both present, as large as they were asked to be, the same for the same seed."""

import pytest
import torch

from methods.inpainting.masks import MaskDraw, draw_masks
from methods.randomness import generator


def drawn(settings: MaskDraw, count: int = 200, height: int = 48, width: int = 64, seed: int = 0) -> torch.Tensor:
    return draw_masks(settings, count, height, width, generator(seed, "test"))


@pytest.mark.parametrize("settings", [MaskDraw(), MaskDraw(boxes=0.0), MaskDraw(boxes=1.0)])
def test_every_mask_has_pixels_of_both_kinds(settings: MaskDraw) -> None:
    masks = drawn(settings)
    assert masks.shape == (200, 1, 48, 64)
    assert masks.unique().tolist() == [0, 1]
    shares = masks.mean((1, 2, 3))
    assert shares.min() > 0
    assert shares.max() < 0.6
    assert torch.equal(masks, drawn(settings))
    assert not torch.equal(masks, drawn(settings, seed=1))


def test_one_box_has_the_sides_that_were_asked_for() -> None:
    for mask in drawn(MaskDraw(boxes=1.0, most_boxes=1, box=(0.25, 0.5)))[:, 0]:
        rows, columns = mask.amax(1).sum(), mask.amax(0).sum()
        assert mask.sum() == rows * columns
        assert min(rows, columns) >= 12
        assert max(rows, columns) <= 24


def test_a_stroke_is_connected_and_as_thick_as_it_was_asked_to_be() -> None:
    from scipy.ndimage import distance_transform_edt, label

    settings = MaskDraw(boxes=0.0, most_strokes=1, thickness=(0.2, 0.2), corners=2)
    for mask in drawn(settings, count=40)[:, 0]:
        assert label(mask.numpy())[1] == 1
        # half of 0.2 × 48 pixels; beside the image's edge, or where parts cross, a pixel may lie deeper
        depth = distance_transform_edt(torch.nn.functional.pad(mask, (1, 1, 1, 1)).numpy())
        assert depth.max() > 2.5


def test_more_strokes_cover_more() -> None:
    few, many = (drawn(MaskDraw(boxes=0.0, most_strokes=most)).mean() for most in (1, 6))
    assert many > 1.5 * few
