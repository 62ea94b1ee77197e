"""Fast Fourier convolution: a convolution whose global channels see the whole map at once.

Chi, Jiang and Mu, "Fast Fourier Convolution", NeurIPS 2020, as LaMa has it (arXiv 2109.07161, section 2.1). The names
of the parameters are those of LaMa's released checkpoint.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "n _c _h _w"]
Pair = tuple[Maps, Maps | None]
"""Local and global channels; None: there are no global ones."""


class FourierUnit(nn.Module):
    """A 1×1 convolution, batch norm and ReLU on the spectrum: every output pixel depends on every input pixel.

    The spectrum of c channels is 2c real maps of height h and width w/2 + 1: the real and imaginary part of channel 0,
    of channel 1, and so on. Transforms are orthonormal.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Maps) -> Maps:
        parts = torch.view_as_real(torch.fft.rfftn(x, dim=(-2, -1), norm="ortho"))
        spectrum = self.bn(self.conv_layer(parts.movedim(-1, 2).flatten(1, 2))).relu()
        parts = spectrum.unflatten(1, (-1, 2)).movedim(2, -1).contiguous()
        return torch.fft.irfftn(torch.view_as_complex(parts), s=x.shape[-2:], dim=(-2, -1), norm="ortho")


class Spectral(nn.Module):
    """Global to global: down to half the channels, a residual Fourier unit, and up. No local Fourier unit."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, outputs, 1, bias=False)

    def forward(self, x: Maps) -> Maps:
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class FastFourierConvolution(nn.Module):
    """out_l = convl2l(l) + convg2l(g) and out_g = convl2g(l) + Spectral(g); convolutions pad by reflection, no bias.

    inputs, outputs: (local, global) channels; those who have global inputs have stride 1 and global outputs.
    """

    def __init__(self, inputs: tuple[int, int], outputs: tuple[int, int], *, kernel: int, stride: int, pad: int):
        super().__init__()

        def conv(inside: int, outside: int) -> nn.Conv2d | None:
            if not inside or not outside:
                return None
            return nn.Conv2d(inside, outside, kernel, stride, pad, bias=False, padding_mode="reflect")

        self.convl2l = nn.Conv2d(inputs[0], outputs[0], kernel, stride, pad, bias=False, padding_mode="reflect")
        self.convl2g, self.convg2l = conv(inputs[0], outputs[1]), conv(inputs[1], outputs[0])
        self.convg2g = Spectral(inputs[1], outputs[1]) if inputs[1] and outputs[1] else None

    def forward(self, x: Pair) -> Pair:
        near, far = x
        out_near = self.convl2l(near)
        if self.convg2l is not None and far is not None:
            out_near = out_near + self.convg2l(far)
        out_far = None if self.convl2g is None else self.convl2g(near)
        if self.convg2g is not None and far is not None:
            out_far = out_far + self.convg2g(far)
        return out_near, out_far


class Block(nn.Module):
    """The convolution, then batch norm and ReLU of both halves."""

    def __init__(
        self, inputs: tuple[int, int], outputs: tuple[int, int], *, kernel: int, stride: int = 1, pad: int | None = None
    ) -> None:
        super().__init__()
        pad = kernel // 2 if pad is None else pad
        self.ffc = FastFourierConvolution(inputs, outputs, kernel=kernel, stride=stride, pad=pad)
        self.bn_l = nn.BatchNorm2d(outputs[0])
        self.bn_g = nn.BatchNorm2d(outputs[1]) if outputs[1] else None

    def forward(self, x: Pair) -> Pair:
        near, far = self.ffc(x)
        return self.bn_l(near).relu(), None if self.bn_g is None or far is None else self.bn_g(far).relu()


class Residual(nn.Module):
    """Two blocks, whose result is added to what came in."""

    def __init__(self, channels: tuple[int, int], *, kernel: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (Block(channels, channels, kernel=kernel) for _ in range(2))

    def forward(self, x: Pair) -> Pair:
        (near, far), (of_near, of_far) = x, self.conv2(self.conv1(x))
        return near + of_near, None if far is None or of_far is None else far + of_far
