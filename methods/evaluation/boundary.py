"""The prefix of a split network, applied to stored images and counted."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from methods.evaluation.split import Split


class Prefix:
    """Stored images to boundary tensors, without gradients, on the network's device and in its present mode.

    `passes` is the number of images that went through so far: what the rest of a run saves is counted against it.
    """

    def __init__(self, parts: Split, *, device: torch.device) -> None:
        self.module = parts.prefix
        self.device = device
        self.passes = 0

    @torch.no_grad()
    def __call__(self, images: UInt8[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        self.passes += len(images)
        return self.module(pixels(images.to(self.device)))

    def cache(self, images: UInt8[Tensor, "n c h w"], *, batch: int) -> tuple[Tensor, ...]:
        """The boundary of all the images, computed `batch` at a time and kept whole, each tensor with n first."""
        cached: tuple[Tensor, ...] = ()
        for start in range(0, len(images), batch):
            part = self(images[start : start + batch])
            if not cached:
                cached = tuple(tensor.new_empty(len(images), *tensor.shape[1:]) for tensor in part)
            for whole, tensor in zip(cached, part, strict=True):
                whole[start : start + batch] = tensor
        return cached


def pixels(images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Stored bytes as the numbers in [0, 1] that a network takes."""
    return images.float() / 255
