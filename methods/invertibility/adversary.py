"""The nuisance classifier D that independence training plays against (arXiv 1811.00401, definition 5)."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Nuisance = Float[Tensor, "n d"]
Labels = Int[Tensor, " n"]
Variant = Literal["max_ce_true", "min_ce_permuted", "min_kl_uniform"]
"""How a network learns to keep D from reading the class. `max_ce_true`: raise D's cross-entropy on the true labels, the
paper's; no further than chance and a margin, as it has no upper bound. `min_ce_permuted`: lower it on labels that
belong to other images of the batch, as in the first public code. `min_kl_uniform`: lower the divergence of D's answers
from the uniform distribution."""


def mlp(inputs: int, hidden: Iterable[int], classes: int) -> nn.Sequential:
    """Fully connected layers with ReLU between them; a linear map where nothing is hidden."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


class Adversary:
    """D, an MLP on z_n, with an Adamax of its own. It reads z_n alone, which is z with the logits blanked."""

    def __init__(
        self, inputs: int, classes: int, *, hidden: tuple[int, ...], learning_rate: float, device: torch.device
    ) -> None:
        self.network = mlp(inputs, hidden, classes).to(device)
        self.optimiser = torch.optim.Adamax(self.network.parameters(), lr=learning_rate)
        self.classes = classes

    def learn(self, nuisance: Nuisance, labels: Labels, *, steps: int) -> None:
        """The inner maximum over θ_nc: so many steps of D on one batch, which the network knows nothing of."""
        seen = nuisance.detach()
        for _ in range(steps):
            self.optimiser.zero_grad(set_to_none=True)
            cross_entropy(self.network(seen), labels).backward()
            self.optimiser.step()

    def penalty(
        self, nuisance: Nuisance, labels: Labels, *, variant: Variant, margin: float, draw: torch.Generator
    ) -> Float[Tensor, ""]:
        """What the network is to lower, in nats; its gradient reaches the network, and D remains as it is."""
        self.network.requires_grad_(False)
        logits = self.network(nuisance)
        self.network.requires_grad_(True)
        match variant:
            case "max_ce_true":
                unread = cross_entropy(logits, labels, reduction="none")
                return -unread.clamp_max(math.log(self.classes) + margin).mean()
            case "min_ce_permuted":
                order = torch.randperm(len(labels), generator=draw, device=labels.device)
                return cross_entropy(logits, labels[order])
            case "min_kl_uniform":
                return -logits.log_softmax(1).mean() - math.log(self.classes)
