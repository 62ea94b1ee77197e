import torch

from methods.augment import augment


def batch(count: int = 64, side: int = 5) -> torch.Tensor:
    """Every pixel of an image differs, none is the padding's 0."""
    generator = torch.Generator().manual_seed(3)
    return (
        torch.stack([torch.randperm(254, generator=generator)[: 3 * side * side] + 1 for _ in range(count)])
        .to(torch.uint8)
        .reshape(count, 3, side, side)
    )


def crops(image: torch.Tensor, padding: int) -> dict[tuple[int, int], torch.Tensor]:
    side = image.shape[-1]
    padded = torch.zeros(3, side + 2 * padding, side + 2 * padding, dtype=torch.uint8)
    padded[:, padding : padding + side, padding : padding + side] = image
    offsets = range(2 * padding + 1)
    return {(top, left): padded[:, top : top + side, left : left + side] for top in offsets for left in offsets}


def test_nothing_asked_nothing_done():
    images = batch()
    augmented = augment(images, crop_padding=0, flip=False, generator=torch.Generator().manual_seed(0))
    assert torch.equal(augmented, images)


def test_every_output_is_one_of_the_possible_crops_and_all_of_them_occur():
    images = batch()
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(4):
        augmented = augment(images, crop_padding=1, flip=False, generator=generator)
        assert augmented.shape == images.shape
        assert augmented.dtype == torch.uint8
        for image, result in zip(images, augmented, strict=True):
            matching = [offset for offset, crop in crops(image, 1).items() if torch.equal(crop, result)]
            assert len(matching) == 1
            seen.update(matching)
    assert len(seen) == 9


def test_flip_mirrors_some_images_left_to_right_and_leaves_the_others():
    images = batch()
    augmented = augment(images, crop_padding=0, flip=True, generator=torch.Generator().manual_seed(0))
    kept = (augmented == images).flatten(1).all(1)
    mirrored = (augmented == images.flip(-1)).flatten(1).all(1)
    assert torch.equal(kept, ~mirrored)
    assert 16 < int(mirrored.sum()) < 48


def test_images_taller_than_wide_keep_their_shape():
    images = batch()[:, :, :, :3]
    augmented = augment(images, crop_padding=2, flip=True, generator=torch.Generator().manual_seed(0))
    assert augmented.shape == images.shape


def test_the_generator_decides():
    images = batch()

    def run(seed: int) -> torch.Tensor:
        return augment(images, crop_padding=2, flip=True, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
