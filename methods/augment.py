"""Random crops and mirror images of a whole batch at once, on the device where the batch lies.

The usual augmentation of small images: K. He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2.
"""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import pad


def augment(
    images: UInt8[Tensor, "n c h w"], *, crop_padding: int, flip: bool, generator: torch.Generator
) -> UInt8[Tensor, "n c h w"]:
    """Each image mirrored with probability 1/2 (if `flip`), then cropped out of its zero-padded self.

    crop_padding: zeros added on each side, in pixels; each of the (2·crop_padding + 1)² crops is equally likely.
    generator: on the device of the images; each image draws its own mirroring and its own crop.
    """
    count, _, height, width = images.shape
    if flip:
        mirrored = torch.rand(count, generator=generator, device=images.device) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    if crop_padding:
        offsets = torch.randint(2 * crop_padding + 1, (2, count), generator=generator, device=images.device)
        windows = pad(images, (crop_padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
        images = windows[torch.arange(count, device=images.device), :, offsets[0], offsets[1]]
    return images
