"""The Square attack: random search by squares of one colour, without any gradient."""

import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.attacks import draws
from methods.attacks.attack import Classifier, Images, per_sample
from methods.attacks.balls import Linf
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

HALVED_AT = (0.001, 0.005, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of all queries after which p is halved: 10, 50, 200, 1000, 2000, 4000, 6000 and 8000 of 10,000."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """Andriushchenko et al., arXiv 1912.00049, Algorithms 1 and 2 (L∞): stripes, then squares of ±ε where they help.

    epsilon: radius. queries: images looked at, per sample. p: share of the image that the first squares cover. What
    helps is a smaller margin, for a target too, where the paper lowers the cross-entropy.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["square"] = "square"
    epsilon: Annotated[float, Gt(0)] = 0.1
    queries: Annotated[int, Ge(1)] = 5000
    p: Annotated[float, Interval(gt=0, le=1)] = 0.8

    @property
    def name(self) -> str:
        return "square_linf"

    @torch.no_grad()
    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        ball, pending = Linf(), Pending.all(model, x, goal, seeds)
        pending.settle(goal.reached(model(x)), x)
        signs = _signs(draws.uniform(pending.seeds, 0, shape=(x.shape[1], 1, x.shape[3]), dtype=x.dtype))
        z = ball.project(pending.x + self.epsilon * signs, pending.x, self.epsilon)
        lowest = torch.full_like(z[:, 0, 0, 0], float("inf"))
        candidate = z
        for query in range(self.queries):
            if not len(pending):
                break
            logits = pending.model(candidate)
            margin = pending.goal.margin(logits)
            better = margin < lowest
            z = torch.where(per_sample(better), candidate, z)
            lowest = torch.where(better, margin, lowest)
            keep = pending.settle(pending.goal.reached(logits), candidate)
            if keep is not None:
                z, lowest = z[keep], lowest[keep]
            candidate = self._with_square(pending, z, query)
            on_step(self.name, query + 1, self.queries)
        return pending.found

    def _with_square(self, pending: Pending, z: Images, query: int) -> Images:
        _, channels, height, width = z.shape
        p = self.p / 2 ** sum(query + 1 > share * self.queries for share in HALVED_AT)
        side = min(max(1, round(math.sqrt(p * height * width))), height, width)
        drawn = draws.uniform(pending.seeds, query + 1, shape=(2 + channels,), dtype=z.dtype)
        rows, columns = _window(drawn[:, 0], side, height), _window(drawn[:, 1], side, width)
        inside = (rows[:, :, None] & columns[:, None, :])[:, None]
        signs = _signs(drawn[:, 2:, None, None])
        coloured = Linf().project(pending.x + self.epsilon * signs, pending.x, self.epsilon)
        return torch.where(inside, coloured, z)


def _signs(drawn: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    return 1 - 2 * (drawn < 0.5).to(drawn.dtype)


def _window(drawn: Float[Tensor, " n"], side: int, length: int) -> Bool[Tensor, "n length"]:
    """`side` neighbours out of `length`, each of the places equally likely."""
    first = (drawn * (length - side + 1)).long()[:, None]
    places = torch.arange(length, device=drawn.device)
    return (places >= first) & (places < first + side)
