"""A U-Net around LaMa's residual blocks that corrects a smooth fill: what a small network learns on one core."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.lama.fourier import Block, Maps, Pair, Residual
from models.lama.generator import EDGE_KERNEL, INPUTS, OUTPUTS, Joined, Opening
from models.lama.smooth_fill import smooth_fill

TIMID = 0.1
"""The last layer's initial weights, of PyTorch's usual ones: training begins near the smooth fill."""


class Level(nn.Module):
    """One resolution: what `inner` makes of the halved map, joined with the map itself.

    coarser: local and global channels of `inner`, which takes both halves and returns one map.
    """

    def __init__(self, channels: int, coarser: tuple[int, int], inner: nn.Module) -> None:
        super().__init__()
        own = (channels, 0)
        self.before = Residual(own, kernel=3)
        self.down = Block(own, coarser, kernel=3, stride=2)
        self.inner = inner
        self.up = nn.Sequential(
            nn.ConvTranspose2d(sum(coarser), channels, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.join = Block((2 * channels, 0), own, kernel=3)
        self.after = Residual(own, kernel=3)

    def forward(self, x: Pair) -> Maps:
        fine, _ = self.before(x)
        coarse = self.up(self.inner(self.down((fine, None))))
        near, _ = self.after(self.join((torch.cat([coarse, fine], 1), None)))
        return near


class UNetGenerator(nn.Module):
    """(n, 4, h, w), the image without the hole and the mask, to (n, 3, h, w) in [0, 1]; sides as of `Generator`.

    Ronneberger et al., arXiv 1505.04597, with the fast Fourier convolutions of arXiv 2109.07161 where the map is
    smallest. Nothing has to be carried through that bottleneck but what the hole lacks: the full resolution goes
    around it, and the last layer's result is added to `smooth_fill`.
    """

    def __init__(self, *, width: int, downsamplings: int, blocks: int, global_share: float, most: int) -> None:
        super().__init__()
        channels = [min(width << level, most) for level in range(downsamplings + 1)]
        whole = int(channels[-1] * global_share) // 2 * 2  # a spectral transform works on half of them
        coarser = (channels[-1] - whole, whole)
        inner: nn.Module = nn.Sequential(*[Residual(coarser, kernel=3) for _ in range(blocks)], Joined())
        for count in reversed(channels[:-1]):
            inner, coarser = Level(count, coarser, inner), (count, 0)
        last = nn.Conv2d(width, OUTPUTS, EDGE_KERNEL)
        with torch.no_grad():
            last.weight.mul_(TIMID)
        self.correction = nn.Sequential(
            Opening(EDGE_KERNEL // 2),
            Block((INPUTS, 0), (width, 0), kernel=EDGE_KERNEL, pad=0),
            inner,
            nn.ReflectionPad2d(EDGE_KERNEL // 2),
            last,
        )

    def forward(self, x: Float[Tensor, "n 4 h w"]) -> Float[Tensor, "n 3 h w"]:
        masks = x[:, OUTPUTS:]
        smooth = smooth_fill(x[:, :OUTPUTS], 1 - masks)
        return (smooth + self.correction(torch.cat([smooth, masks], 1))).clamp(0, 1)
