"""The invertible layers: each is a bijection, knows its inverse, and the logarithm of what it does to volumes."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "n c h w"]
LogDet = Float[Tensor, "*n"] | float
"""log |det ∂y/∂x| of each image, or one number for all of them."""


class ActNorm(nn.Module):
    """y = (x + shift) · exp(log_scale) per channel (Kingma & Dhariwal, "Glow", arXiv 1807.03039, section 3.1).

    It begins as the identity; `fit` makes it normalise one batch, after which it is a layer like any other.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift, self.log_scale = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Maps) -> Maps:
        return (x + self.shift[:, None, None]) * self.log_scale.exp()[:, None, None]

    def encode(self, x: Maps) -> tuple[Maps, LogDet]:
        return self(x), self.log_scale.sum() * (x.shape[2] * x.shape[3])

    def decode(self, y: Maps) -> Maps:
        return y * self.log_scale.neg().exp()[:, None, None] - self.shift[:, None, None]

    @torch.no_grad()
    def fit(self, x: Maps, *, floor: float) -> Float[Tensor, " c"]:
        """Each channel of x to mean 0 and spread 1; a spread below `floor` counts as `floor`. Returns the spreads."""
        spread = x.std((0, 2, 3), correction=0)
        self.shift.copy_(-x.mean((0, 2, 3)))
        self.log_scale.copy_(-spread.clamp_min(floor).log())
        return spread


class Coupling(nn.Module):
    """One half of the channels moves by a function of the other; with two bodies the other half follows.

    Additive (Dinh et al., "NICE", arXiv 1410.8516): y₁ = x₁ + F(x₂), then y₂ = x₂ + G(y₁). Affine (Dinh et al., "Real
    NVP", arXiv 1605.08803, equations 7 and 8): y₁ = x₁ · exp(s) + t with t and s from F(x₂); here s is the tanh of
    what F returns, so one coupling stretches or shrinks by e at most.

    bodies: from c/2 channels to c/2, or to c where `affine`. width: c/2.
    """

    def __init__(self, bodies: Sequence[nn.Module], *, width: int, affine: bool) -> None:
        super().__init__()
        self.bodies, self.width, self.affine = nn.ModuleList(bodies), width, affine

    def forward(self, x: Maps) -> Maps:
        return self.encode(x)[0]

    def encode(self, x: Maps) -> tuple[Maps, LogDet]:
        halves = [x[:, : self.width], x[:, self.width :]]
        log_det: LogDet = 0.0
        for place, body in enumerate(self.bodies):
            shift, log_scale = self._read(body(halves[1 - place]))
            if log_scale is None:
                halves[place] = halves[place] + shift
            else:
                halves[place] = halves[place] * log_scale.exp() + shift
                log_det = log_det + log_scale.flatten(1).sum(1)
        return torch.cat(halves, 1), log_det

    def decode(self, y: Maps) -> Maps:
        halves = [y[:, : self.width], y[:, self.width :]]
        for place, body in reversed(list(enumerate(self.bodies))):
            shift, log_scale = self._read(body(halves[1 - place]))
            halves[place] = halves[place] - shift
            if log_scale is not None:
                halves[place] = halves[place] * log_scale.neg().exp()
        return torch.cat(halves, 1)

    def _read(self, said: Maps) -> tuple[Maps, Maps | None]:
        return (said[:, : self.width], said[:, self.width :].tanh()) if self.affine else (said, None)


class Step(nn.Module):
    """ActNorm, the channels in reverse order, coupling: what halves a step mixes changes from step to step."""

    def __init__(self, norm: ActNorm, coupling: Coupling) -> None:
        super().__init__()
        self.norm, self.coupling = norm, coupling

    def forward(self, x: Maps) -> Maps:
        return self.coupling(self.norm(x).flip(1))

    def encode(self, x: Maps) -> tuple[Maps, LogDet]:
        x, first = self.norm.encode(x)
        x, second = self.coupling.encode(x.flip(1))
        return x, first + second

    def decode(self, y: Maps) -> Maps:
        return self.norm.decode(self.coupling.decode(y).flip(1))


class LogitNorm(nn.BatchNorm1d):
    """The batch norm of the logits, with its inverse in eval mode. In train mode it is the scaling of this batch."""

    running_mean: Tensor
    running_var: Tensor

    def _check_input_dim(self, input: Tensor) -> None:
        """Nothing: PyTorch's own check asks for the number of axes, which a tracer cannot tell."""

    def encode(self, x: Float[Tensor, "n k"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, ""]]:
        variance = x.var(0, correction=0) if self.training else self.running_var
        return self(x), (self.weight.abs().log() - 0.5 * (variance + self.eps).log()).sum()

    def decode(self, y: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        return (y - self.bias) / self.weight * (self.running_var + self.eps).sqrt() + self.running_mean
