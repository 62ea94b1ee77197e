"""The samples of a batch that an attack has yet to break: each leaves by itself, and the rest is packed together."""

import dataclasses

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, narrow
from methods.attacks.goals import Goal


@dataclasses.dataclass(slots=True)
class Pending:
    """`model`, `x`, `goal` and `seeds` are those of the samples still pending; `rows` says which of the batch they are.

    found: the whole batch, clean where nothing has been found yet.
    """

    model: Classifier
    x: Images
    goal: Goal
    seeds: Int[Tensor, " m"]
    rows: Int[Tensor, " m"]
    found: Images

    @classmethod
    def all(cls, model: Classifier, x: Images, goal: Goal, seeds: Int[Tensor, " n"]) -> "Pending":
        return cls(model, x, goal, seeds, torch.arange(len(x), device=x.device), x.clone())

    def __len__(self) -> int:
        return len(self.rows)

    def settle(self, broken: Bool[Tensor, " m"], images: Images) -> Int[Tensor, " k"] | None:
        """Files the images of the broken samples and goes on without them.

        Returns the positions that stay, by which the attack must index whatever it keeps per sample; None if all do.
        """
        if not broken.any():
            return None
        self.found[self.rows[broken]] = images[broken]
        keep = (~broken).nonzero()[:, 0]
        self.model, self.x, self.goal = narrow(self.model, keep), self.x[keep], self.goal[keep]
        self.seeds, self.rows = self.seeds[keep], self.rows[keep]
        return keep
