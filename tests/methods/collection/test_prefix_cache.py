"""The cache holds what the frozen part makes of every view, and counts what it computed."""

import torch

from methods.collection.prefix_cache import PrefixCache
from methods.evaluation.split import split


def brighter(images, draw):
    """An augmentation that is another one every time, for each image alike."""
    return (images.int() + torch.randint(1, 50, (1,), generator=draw)).clamp(max=255).to(torch.uint8)


def cut_before_the_head(network):
    return split(network.eval(), ["linear.weight", "linear.bias"])


def cache(cut, images, *, augment=brighter, views=1, frozen=True):
    return PrefixCache(cut, images, augment, views=views, frozen=frozen, limit=2**20)


def test_views_take_turns_and_each_is_the_prefix_of_its_augmentation(carry_out, small_network):
    cut = cut_before_the_head(small_network())
    kept = cache(cut, carry_out.images, views=3)
    kept.fill(torch.Generator().manual_seed(5))
    draw, batch = torch.Generator().manual_seed(5), torch.tensor([7, 0, 39])
    for view in range(3):
        expected = cut.prefix(brighter(carry_out.images, draw)[batch].float() / 255)
        for epoch in (view, view + 3, view + 6):
            for part, whole in zip(kept.boundary(epoch, batch, None), expected, strict=True):
                torch.testing.assert_close(part, whole)
                assert not part.requires_grad
    assert not torch.equal(kept.boundary(0, batch, None)[0], kept.boundary(1, batch, None)[0])
    assert kept.passes == 3 * 40 + 1  # one to learn the size; what was looked up is not computed again


def test_more_images_than_fit_a_batch_keep_their_places(carry_out, small_network):
    images = carry_out.images.repeat(14, 1, 1, 1)
    cut = cut_before_the_head(small_network())
    kept = cache(cut, images, augment=lambda batch, draw: batch)
    kept.fill(torch.Generator())
    (whole,) = cut.prefix(images.float() / 255)
    torch.testing.assert_close(kept.boundary(0, torch.arange(560), None)[0], whole)


def test_nothing_frozen_nothing_kept(carry_out, small_network):
    cut = cut_before_the_head(small_network())
    kept = cache(cut, carry_out.images, frozen=False)
    kept.fill(torch.Generator())
    assert kept.passes == 0
    draw, batch = torch.Generator().manual_seed(1), torch.tensor([3, 4])
    first, second = kept.boundary(0, batch, draw)[0], kept.boundary(0, batch, draw)[0]
    assert not torch.equal(first, second)  # augmented afresh
    assert kept.passes == 4
    (plain,) = cut.prefix(carry_out.images[batch].float() / 255)
    assert torch.equal(kept.boundary(0, batch, None)[0], plain)
