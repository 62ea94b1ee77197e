"""The functions F and G of a coupling. They need no inverse of their own, so they are ordinary convolutions."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.invertible.layers import ActNorm
from models.permutations import Axis, Group, Groups, Seen, batch_norm, vectors

Body = Literal["actnorm", "basic", "bottleneck"]
"""`actnorm`: 3×3, 1×1 and 3×3 convolutions with ActNorm, the last begins at zero, so a coupling begins as the identity
(the public code of Jacobsen et al., arXiv 1811.00401, after Glow). `basic`, `bottleneck`: BN-ReLU-C3-BN-ReLU-C3 and
BN-ReLU-C1-BN-ReLU-C3-BN-ReLU-C1, the residual branches of He et al., arXiv 1603.05027."""


class Scale(nn.Module):
    """y = x · exp(3·log_scale) per channel, after a convolution that begins at zero (Glow's code, `Conv2dZeros`)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return x * (3 * self.log_scale).exp()[:, None, None]


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)


def _actnorm(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    first, second = ([_conv(i, hidden, k), ActNorm(hidden), nn.ReLU()] for i, k in ((inputs, 3), (hidden, 1)))
    last = nn.Conv2d(hidden, outputs, 3, padding=1)
    for value in last.parameters():
        nn.init.zeros_(value)
    return [*first, *second, last, Scale(outputs)]


def _preactivated(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(inputs), nn.ReLU(), _conv(inputs, outputs, kernel)]


def _basic(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    return [*_preactivated(inputs, hidden, 3), *_preactivated(hidden, outputs, 3)]


def _bottleneck(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    ends = _preactivated(inputs, hidden, 1), _preactivated(hidden, outputs, 1)
    return [*ends[0], *_preactivated(hidden, hidden, 3), *ends[1]]


BODIES: dict[Body, Callable[[int, int, int], list[nn.Module]]] = {
    "actnorm": _actnorm,
    "basic": _basic,
    "bottleneck": _bottleneck,
}
HIDDEN = {"actnorm": (0, 3), "basic": (2,), "bottleneck": (2, 5)}
"""Places of the convolutions that end in hidden units; norm, ReLU and the next convolution follow each."""


def body(kind: Body, *, inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*BODIES[kind](inputs, hidden, outputs))


def body_groups(kind: Body, name: str, hidden: int) -> Groups:
    """Hidden units of the body called `name`."""
    groups = {}
    for place in HIDDEN[kind]:
        conv, norm, relu, reader = (f"{name}.{place + after}" for after in range(4))
        numbers = vectors(norm, "shift", "log_scale") if kind == "actnorm" else batch_norm(norm)
        groups[conv] = Group(hidden, (Axis(f"{conv}.weight", 0), *numbers, Axis(f"{reader}.weight", 1)), Seen(relu))
    return groups
