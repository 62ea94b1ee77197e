"""What fills a masked region of an image: the interface of every editor, and how a generator network becomes one."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "n 3 h w"]
"""In [0, 1]."""
Masks = Float[Tensor, "n 1 h w"]
"""0 and 1; 1 is to be filled."""

MULTIPLE = 8
"""What the sides of an image are padded to a multiple of: three halvings."""


@runtime_checkable
class Inpainter(Protocol):
    def __call__(self, images: Images, masks: Masks) -> Images:
        """The images, their masked pixels filled from what the rest shows; all other pixels as they were."""
        ...


class Pasted:
    """IM(x, m) = m·G([x·(1 − m), m]) + (1 − m)·x, of the generator G of Suvorov et al., arXiv 2109.07161, section 2.

    It takes the network over: eval mode, and no gradient for its parameters; gradients reach the images through it.
    generator: maps (n, 4, h, w) to (n, 3, h, w) for sides that are a multiple of `multiple`.
    """

    def __init__(self, generator: nn.Module, *, multiple: int = MULTIPLE) -> None:
        self.generator, self.multiple = generator.eval().requires_grad_(False), multiple

    def __call__(self, images: Images, masks: Masks) -> Images:
        return paste(images, masks, fill(self.generator, images, masks, multiple=self.multiple))


def paste(images: Images, masks: Masks, fills: Images) -> Images:
    """The fills where the mask is 1, the images elsewhere."""
    return masks * fills + (1 - masks) * images


def fill(generator: nn.Module, images: Images, masks: Masks, *, multiple: int = MULTIPLE) -> Images:
    """G([x·(1 − m), m]), of any size: padded by mirrored rows and columns, edge included, at the bottom and right."""
    height, width = images.shape[2:]
    rows, columns = (mirrored(side, multiple).to(images.device) for side in (height, width))
    seen = torch.cat([images * (1 - masks), masks], 1)
    if (len(rows), len(columns)) != (height, width):
        seen = seen[:, :, rows[:, None], columns]
    return generator(seen)[:, :, :height, :width]


def mirrored(side: int, multiple: int) -> Tensor:
    """Which of `side` places stands at each place of the next multiple: 0 … side − 1, then side − 1, side − 2, …"""
    places = torch.arange(-(-side // multiple) * multiple) % (2 * side)
    return torch.minimum(places, 2 * side - 1 - places)
