"""3×3 convolution of 4×4 images with a quarter of the multiplications: F(4×4, 3×3) of Lavin and Gray, arXiv 1509.09308.

A 4×4 output depends on a 6×6 input (here with a border of zeros); in a transformed space of 36 numbers per image and
channel the convolution is one matrix product over channels for each number. It is the same sum, differently ordered:
in float32 it agrees with the direct convolution to about 1e-4 of the output's standard deviation.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_INPUT = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]]
_INPUT += [[0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
_KERNEL = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
_OUTPUT = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]

_BLOCK = 8  # images side by side in one matrix product
_ROWS = 256  # images per pass: the two workspaces hold 36 · rows · channels numbers each


def _both_axes(matrix: list[list[int]]) -> Float[Tensor, "i j"]:
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one)


class WinogradConv2d(nn.Module):
    """Stands in for an `nn.Conv2d` that it `fits`, in inference; other sizes than 4×4 take the direct convolution.

    The kernel is transformed once, so the convolution's weight has to stay what it is. Under `vmap` the mapped axis
    joins the batch.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        outputs, inputs = self.weight.shape[:2]
        kernel = _both_axes(_KERNEL) / 24**2 @ self.weight.detach().double().reshape(-1, 9).T
        self.kernel = kernel.float().view(36, outputs, inputs, 1, 1)
        self.enter = _both_axes(_INPUT).view(36, 6, 6)[:, 1:5, 1:5].reshape(36, 16).float()
        self.leave = _both_axes(_OUTPUT).float()
        # Reused, because fresh pages for buffers of this size cost as much time as the products.
        self.entered = torch.empty(36 * _ROWS * inputs)
        self.products = torch.empty(36 * _ROWS * outputs)

    @staticmethod
    def fits(module: nn.Module) -> bool:
        """Whether the module is such a convolution, with channels enough that the transforms are a small part of it."""
        return (
            isinstance(module, nn.Conv2d)
            and (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
            and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
            and min(module.in_channels, module.out_channels) >= 64
            and module.weight.device.type == "cpu"
            and module.weight.dtype == torch.float32
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        return _MergedBatch.apply(x, self)

    def convolve(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        whole = len(x) // _BLOCK * _BLOCK if x.shape[2:] == (4, 4) else 0
        result = x.new_empty(len(x), len(self.weight), *x.shape[2:])
        for start in range(0, whole, _ROWS):
            self._transformed(x[start : min(start + _ROWS, whole)], result[start : min(start + _ROWS, whole)])
        if whole < len(x):
            result[whole:] = F.conv2d(x[whole:], self.weight, padding=1)
        return result if self.bias is None else result.add_(self.bias.view(-1, 1, 1))

    def _transformed(self, x: Float[Tensor, "n c 4 4"], result: Float[Tensor, "n d 4 4"]) -> None:
        n, c, d = len(x), x.shape[1], result.shape[1]
        entered = self.entered[: 36 * n * c].view(36, n * c)
        torch.mm(self.enter, x.reshape(n * c, 16).T, out=entered)
        products = self.products[: 36 * n * d].view(36, n, d)
        for kernel, values, product in zip(self.kernel, entered, products, strict=True):
            # As a 1×1 convolution, since on CPUs of some makers that is twice as fast as the plain matrix product.
            image = values.view(n // _BLOCK, 1, _BLOCK, c).permute(0, 3, 1, 2)
            product.copy_(F.conv2d(image, kernel).permute(0, 2, 3, 1).reshape(n, d))
        torch.mm(products.view(36, n * d).T, self.leave.T, out=result.view(n * d, 16))


class _MergedBatch(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, layer: WinogradConv2d) -> Tensor:
        return layer.convolve(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing is kept: the layer is for inference."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None], x: Tensor, layer: WinogradConv2d) -> tuple[Tensor, int]:
        mapped = x.movedim(in_dims[0], 0)
        return layer.convolve(mapped.flatten(0, 1)).unflatten(0, mapped.shape[:2]), 0
