"""A small residual network with batch norms, and its permutation groups written down by hand."""

import torch
from torch import nn

UNITS, INNER = 12, 9


class Residual(nn.Module):
    """Stem, one residual block, head; the stream and the block's inner channels can be permuted."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, UNITS, 3, padding=1), nn.BatchNorm2d(UNITS)
        self.inner, self.inner_norm = nn.Conv2d(UNITS, INNER, 3, padding=1), nn.BatchNorm2d(INNER)
        self.relu = nn.ReLU(inplace=True)
        self.outer = nn.Conv2d(INNER, UNITS, 3, padding=1)
        self.hidden, self.head = nn.Linear(UNITS * 4, 10), nn.Linear(10, 3)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = x + self.outer(self.relu(self.inner_norm(self.inner(x))))
        return self.head(self.hidden(nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)).relu())


def vectors(module, *names):
    return tuple((f"{module}.{name}", 0, 1, 1) for name in names)


NORM = ("weight", "bias", "running_mean", "running_var")
STREAM = (*vectors("stem", "weight", "bias"), *vectors("norm", *NORM), ("inner.weight", 1, 1, 1))
GROUPS = {
    "stream": (
        UNITS,
        (*STREAM, *vectors("outer", "weight", "bias"), ("hidden.weight", 1, 4, 1)),
        ("norm", 1),
    ),
    "inner": (
        INNER,
        (*vectors("inner", "weight", "bias"), *vectors("inner_norm", *NORM), ("outer.weight", 1, 1, 1)),
        ("inner_norm", 1),
    ),
    "hidden": (10, (*vectors("hidden", "weight", "bias"), ("head.weight", 1, 1, 1)), ("hidden", -1)),
}


def network(seed=0):
    """Random in every parameter and statistic, in eval mode."""
    draw = torch.Generator().manual_seed(seed)
    module = Residual()
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.is_floating_point():
                value.copy_(0.3 * torch.randn(value.shape, generator=draw))
        for norm in (module.norm, module.inner_norm):
            norm.weight.abs_().add_(0.5)
            norm.bias.abs_()
            norm.running_var.abs_().add_(0.5)
    return module.eval()


def orders(seed=1):
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randperm(group[0], generator=draw) for name, group in GROUPS.items()}


def images(n, seed=2):
    return torch.randint(0, 256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
