"""Classifiers to attack whose answers are known, or learned in a second."""

import functools

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn


class Linear(nn.Module):
    """Logits W·x + b over the flat image: every smallest perturbation of it has a closed form."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.to(x).T + self.bias.to(x)


class Constant(nn.Module):
    """Always class 0, whatever it sees; its gradients are zero."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([2.0, 1.0, 0.0]).to(x) + 0 * x.flatten(1).sum(1, keepdim=True)


class Stubborn(nn.Module):
    """Always class 0, with gradients that promise otherwise: the lead over class 1 shrinks, but never below ½."""

    def forward(self, x: Tensor) -> Tensor:
        lead = 1 + 0.5 * torch.tanh(x.flatten(1).mean(1, keepdim=True) - 0.5)
        return torch.cat([lead, 0 * lead, 0 * lead - 1], 1)


class Planted(nn.Module):
    """Class 1 in a ball around one point, class 0 everywhere else; the gradient leads there."""

    def __init__(self, point: Tensor, radius: float) -> None:
        super().__init__()
        self.point, self.radius = point, radius

    def forward(self, x: Tensor) -> Tensor:
        lead = 5 * ((x - self.point.to(x)).flatten(1).square().sum(1, keepdim=True) - self.radius**2)
        return torch.cat([lead, -lead], 1)


class Shifted(nn.Module):
    """The same classifier with a number added to all logits, which changes none of its answers."""

    def __init__(self, model: nn.Module, shift: float) -> None:
        super().__init__()
        self.model, self.shift = model, shift
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) + self.shift


def linear(classes: int = 4, shape: tuple[int, int, int] = (1, 6, 6), *, seed: int = 0) -> Linear:
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, shape[0] * shape[1] * shape[2], generator=draw, dtype=torch.float64)
    # class 0 to `classes` − 1 meet near the grey image, so that no smallest perturbation touches the box
    return Linear(weight, -0.5 * weight.sum(1)).eval()


def grey(n: int, shape: tuple[int, int, int] = (1, 6, 6), *, seed: int = 1) -> Tensor:
    """Images close to grey, so far from the box that it never matters to a smallest perturbation of `linear`."""
    draw = torch.Generator().manual_seed(seed)
    return 0.5 + 0.05 * torch.randn(n, *shape, generator=draw, dtype=torch.float64).clamp(-2, 2)


@functools.cache
def digits() -> tuple[Tensor, Tensor]:
    """The 1,797 handwritten digits, 16×16, pixels in [0, 1] with many at exactly 0 and 1; and their labels."""
    images, labels = load_digits(return_X_y=True)
    small = torch.from_numpy(images / 16).float().view(-1, 1, 8, 8)
    large = nn.functional.interpolate(small, size=(16, 16), mode="bilinear", align_corners=False).clamp(0, 1)
    return large, torch.from_numpy(labels)


@functools.cache
def trained(fold: int = 0) -> nn.Module:
    """A small CNN that has learned the first 1,200 digits: 92 % on the others; in fold 1 another, the last 1,200."""
    torch.manual_seed(fold)
    network = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)),
    )
    images, labels = (part[-1200:] if fold else part[:1200] for part in digits())
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for epoch in range(20):
        for batch in torch.randperm(1200, generator=torch.Generator().manual_seed(epoch)).split(60):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


def unseen(n: int, fold: int = 0) -> tuple[Tensor, Tensor]:
    """Digits that `trained` has not seen and gets right."""
    images, labels = (part[:-1200] if fold else part[1200:] for part in digits())
    right = trained(fold)(images).argmax(1) == labels
    return images[right][:n], labels[right][:n]
