"""Networks whose kept numbers are a known function of what their units show: the right answer for one never seen."""

import torch

from methods.generation.unit_statistics import Shown
from methods.generation.units import Head, Units

GROUPS, CLASSES = {"inner": (6, 2), "stream": (5, 4)}, 3
"""Units, and numbers of each; the stream's last three are the weights of a head of three classes."""
MAPS = {
    name: torch.randn(numbers, numbers, generator=torch.Generator().manual_seed(9))
    for name, (_, numbers) in GROUPS.items()
}
OUTPUTS = torch.tensor([0.5, -1.0, 2.0])
"""Mean output of the head, the same for every network."""


def units():
    inner, stream = torch.arange(12).reshape(2, 6).T, 12 + torch.arange(20).reshape(4, 5).T
    bias = torch.arange(32, 35)
    return Units({"inner": inner, "stream": stream}, bias, (Head("stream", bias, stream.T[1:]),))


def shown(seed):
    """What a network shows: as many statistics of a unit as it has numbers, and some mean responses."""
    draw = torch.Generator().manual_seed(seed)
    statistics = {name: torch.randn(*size, generator=draw) for name, size in GROUPS.items()}
    return Shown(statistics, {name: torch.rand(size[0], generator=draw) for name, size in GROUPS.items()})


def truth(seen):
    """The mean row: a linear function of the statistics, and the bias that gives the outputs their mean."""
    where, row = units(), torch.empty(35)
    for name, columns in where.groups.items():
        row[columns] = seen.statistics[name] @ MAPS[name]
    head = where.heads[0]
    row[head.bias] = OUTPUTS - row[head.weight] @ seen.means["stream"]
    return row


def rows(seen, seed, n=60):
    """About the mean row: one factor that all numbers share, of variance 0.04, and noise of variance 0.01."""
    draw = torch.Generator().manual_seed(1000 + seed)
    factor, noise = torch.randn(n, 1, generator=draw), torch.randn(n, 35, generator=draw)
    return truth(seen) + 0.2 * factor + 0.1 * noise
