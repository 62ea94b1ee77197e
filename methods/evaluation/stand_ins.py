"""Layers that stand in for a network's own in a tail that runs for many models at once.

They keep the names of the parameters and buffers, so `functional_call` finds them where it did before.
"""

from collections.abc import Collection

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from methods.evaluation.winograd import WinogradConv2d


class _Norm(nn.Module):
    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        for name in ("weight", "bias"):
            self.register_parameter(name, getattr(norm, name))
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, getattr(norm, name))


class EvalNorm(_Norm):
    """Batch norm in eval mode as one multiply-add per number, whether or not it differs between models."""

    def forward(self, x: Float[Tensor, "n c *size"]) -> Float[Tensor, "n c *size"]:
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        axes = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(shift.view(axes), x, scale.view(axes))


class MeasuringNorm(_Norm):
    """Batch norm in train mode that moves its statistics by `share` of the way to those of the batch."""

    share = 1.0

    def forward(self, x: Float[Tensor, "n c *size"]) -> Float[Tensor, "n c *size"]:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, True, self.share, self.eps)


class GlobalMean(nn.Module):
    """Global average pooling; PyTorch's own re-strides its channels-last results, under `vmap` one model at a time."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 1 1"]:
        return x.mean((-2, -1), keepdim=True)


def norms_of(tail: nn.Module, names: Collection[str]) -> dict[str, BatchNorm]:
    """The batch norms that hold any of the named tensors, by their name in the network."""
    owners = {name.rpartition(".")[0] for name in names}
    return {name: norm for name, norm in tail.named_modules() if name in owners and _is_norm(norm)}


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, BatchNorm) and module.affine and module.track_running_stats


def for_inference(tail: fx.GraphModule, names: Collection[str]) -> fx.GraphModule:
    """The same tail, faster: in eval mode, and where the named tensors are given anew at every call."""
    copy = fx.GraphModule(tail, tail.graph)
    owners = {name.rpartition(".")[0] for name in names}
    for name, module in tail.named_modules():
        if _is_norm(module):
            copy.set_submodule(name, EvalNorm(module))
        elif isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            copy.set_submodule(name, GlobalMean())
        elif name not in owners and WinogradConv2d.fits(module):
            copy.set_submodule(name, WinogradConv2d(module))
    return copy


def for_measuring(tail: fx.GraphModule, names: Collection[str]) -> tuple[fx.GraphModule, list[MeasuringNorm]]:
    """The same tail with the norms that hold named tensors measuring their statistics, and those norms."""
    copy = fx.GraphModule(tail, tail.graph)
    measuring = {name: MeasuringNorm(norm) for name, norm in norms_of(tail, names).items()}
    for name, norm in measuring.items():
        copy.set_submodule(name, norm)
    return copy, list(measuring.values())
