"""How much of the class the nuisance still tells: classifiers trained on z_n after the network, which stays frozen.

An adversary that failed to read a class during training proves little; what counts is the best of several readers
trained to convergence afterwards.
"""

import copy
import dataclasses
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, MinLen
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods import randomness
from methods.invertibility.adversary import mlp
from methods.progress import OnStep, silent

Nuisance = Float[Tensor, "n d"]
Labels = Int[Tensor, " n"]
Part = tuple[Float[Tensor, "_ d"], Int[Tensor, " _"]]
"""Codes of one split and their classes."""
BLOCK = 512
"""Rows whose distances to all others lie in memory together."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Errors of one reader, shares in [0, 1]."""

    train: float
    validation: float
    test: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """`readers`: by name. `chosen`: the one with the least validation error; its test error is the nuisance error."""

    readers: dict[str, Reading]
    chosen: str

    @property
    def nuisance_error(self) -> float:
        return self.readers[self.chosen].test


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """Readers `linear`, `mlp` and `nearest_k`, on z_n with every coordinate standardised by the training rows.

    hidden: of the MLP, at least as wide as the adversary that the network was trained against. The first two are
    trained by Adam until `patience` epochs brought no lower validation loss, `epochs` at most, and keep the
    state of the lowest. neighbours: every k that is tried.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (512, 512)
    epochs: Annotated[int, Ge(1)] = 200
    patience: Annotated[int, Ge(1)] = 20
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    batch_size: Annotated[int, Ge(1)] = 128
    neighbours: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (1, 5, 15)

    def __call__(
        self, train: Part, validation: Part, test: Part, *, classes: int, seed: int, on_step: OnStep = silent
    ) -> Readings:
        mean, std = train[0].mean(0), train[0].std(0).clamp_min(1e-6)
        parts = [(((z - mean) / std).float(), labels) for z, labels in (train, validation, test)]
        readers = {}
        for number, (name, hidden) in enumerate({"linear": (), "mlp": self.hidden}.items()):
            reader = self._fit(parts[0], parts[1], hidden, classes, randomness.derive(seed, "reader", name))
            readers[name] = Reading(**dict(zip(_SPLITS, (_error(reader(z), y) for z, y in parts), strict=True)))
            on_step("nuisance classifiers", number + 1, 3)
        for k in self.neighbours:
            votes = (_votes(z, parts[0], k, classes, itself=place == 0) for place, (z, _) in enumerate(parts))
            errors = (_error(vote, y) for vote, (_, y) in zip(votes, parts, strict=True))
            readers[f"nearest_{k}"] = Reading(**dict(zip(_SPLITS, errors, strict=True)))
        on_step("nuisance classifiers", 3, 3)
        return Readings(readers=readers, chosen=min(readers, key=lambda name: readers[name].validation))

    def _fit(self, train: Part, validation: Part, hidden: tuple[int, ...], classes: int, seed: int) -> nn.Module:
        device = train[0].device
        with randomness.global_draws(seed, "layers", device=device):
            reader = mlp(train[0].shape[1], hidden, classes).to(device)
        draw = randomness.generator(seed, "batches", device=device)
        optimiser = torch.optim.Adam(reader.parameters(), lr=self.learning_rate)
        best, kept, stale = float("inf"), reader, 0
        for _ in range(self.epochs):
            for batch in torch.randperm(len(train[1]), generator=draw, device=device).split(self.batch_size):
                optimiser.zero_grad(set_to_none=True)
                cross_entropy(reader(train[0][batch]), train[1][batch]).backward()
                optimiser.step()
            with torch.no_grad():
                loss = cross_entropy(reader(validation[0]), validation[1]).item()
            stale = 0 if loss < best else stale + 1
            if not stale:
                best, kept = loss, copy.deepcopy(reader)
            if stale == self.patience:
                break
        return kept.requires_grad_(False)


_SPLITS = ("train", "validation", "test")


def _error(scores: Float[Tensor, "n classes"], labels: Labels) -> float:
    return (scores.argmax(1) != labels).double().mean().item()


def _votes(z: Nuisance, train: Part, k: int, classes: int, *, itself: bool) -> Float[Tensor, "n classes"]:
    """Votes of the k nearest training rows; a tie goes to the class of the nearest of all. A row is none of its own."""
    rows = []
    for start in range(0, len(z), BLOCK):
        distance = torch.cdist(z[start : start + BLOCK], train[0])
        if itself:
            distance[torch.arange(len(distance)), start + torch.arange(len(distance))] = torch.inf
        nearest = train[1][distance.topk(min(k, len(train[1])), largest=False).indices]
        votes = nn.functional.one_hot(nearest, classes).sum(1).float()
        rows.append(votes + 0.5 * nn.functional.one_hot(nearest[:, 0], classes))
    return torch.cat(rows)
