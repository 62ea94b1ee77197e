"""Images to logits, or to all of z, and back.

Levels of [squeeze 2×2, steps, split half]; as many numbers come out as go in. The last map, position by position, then
the halves split off make the vector z; its first numbers, one per class, through a batch norm, are the logits z_s,
and all others the nuisance z_n.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from models.invertible.layers import LogDet, LogitNorm
from models.normalize import Normalize

Images = Float[Tensor, "n c h w"]


class Invertible(nn.Module):
    """Float images (n, channels, h, w) of one fixed size to logits (n, classes), or to all of z and back."""

    def __init__(self, levels: list[nn.Sequential], *, split: bool, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.classes, self.shape, self.split = classes, shape, split
        self.normalize = Normalize((0.0,) * shape[0], (1.0,) * shape[0])
        self.levels = nn.ModuleList(levels)
        self.logits = LogitNorm(classes)

    def forward(self, x: Images) -> Float[Tensor, "n classes"]:
        for number, level in enumerate(self.levels):
            if number and self.split:
                x = x[:, : x.shape[1] // 2]
            x = level(pixel_unshuffle(x, 2))
        return self.logits(_flat(x)[:, : self.classes])

    def encode(self, images: Images) -> tuple[Float[Tensor, "n d"], Float[Tensor, " n"]]:
        """(z, log |det ∂z/∂x|) of images x in [0, 1]; z begins with the logits, and is as long as the image.

        In train mode the batch norm of the logits counts as the scaling that it is for this batch.
        """
        x = self.normalize(images)
        pixels = self.shape[1] * self.shape[2]
        log_det: LogDet = x.new_zeros(len(x)) - self.normalize.std.log().sum() * pixels
        left: list[Tensor] = []
        for number, level in enumerate(self.levels):
            if number and self.split:
                x, half = x.chunk(2, 1)
                left.append(half.flatten(1))
            x = pixel_unshuffle(x, 2)
            for step in level:  # type: ignore[attr-defined]
                x, more = step.encode(x)
                log_det = log_det + more
        last = _flat(x)
        logits, more = self.logits.encode(last[:, : self.classes])
        return torch.cat([logits, last[:, self.classes :], *left], 1), log_det + more

    def decode(self, z: Float[Tensor, "n d"]) -> Images:
        """The images whose z this is. Raises `RuntimeError` in train mode, where batch norms depend on the batch."""
        if self.training:
            raise RuntimeError("an invertible network is inverted in eval mode: call .eval() first")
        last, *left = z.split(self._lengths(), 1)
        last = torch.cat([self.logits.decode(last[:, : self.classes]), last[:, self.classes :]], 1)
        height, width = (side >> len(self.levels) for side in self.shape[1:])
        x = last.unflatten(1, (height, width, -1)).permute(0, 3, 1, 2)
        for number, level in reversed(list(enumerate(self.levels))):
            for step in reversed(level):  # type: ignore[call-overload]
                x = step.decode(x)
            x = pixel_shuffle(x, 2)
            if number and self.split:
                x = torch.cat([x, left.pop().view_as(x)], 1)
        return self.normalize.inverse(x)

    def _lengths(self) -> list[int]:
        """Of the pieces of z: the last map, then the halves, first split first."""
        total = math.prod(self.shape)
        halves = [total >> number for number in range(1, len(self.levels))] if self.split else []
        return [total - sum(halves), *halves]


def _flat(last: Images) -> Float[Tensor, "n d"]:
    """All channels of the first position, then of the next: there the published logits are."""
    return last.permute(0, 2, 3, 1).flatten(1)
