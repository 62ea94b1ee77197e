"""The Jacobian-based saliency map attack: two values of an image at a time, each by a fixed amount."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, Logits, per_sample
from methods.attacks.goals import Goal, Targeted, Untargeted, best_except, of_class
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

Slopes = Float[Tensor, "n p"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Jsma:
    """Papernot et al., arXiv 1511.07528, algorithm 3. The next pair is the one with the largest −α·β among those with
    α > 0 > β, where α is the summed gradient of the target's output and β that of all others.

    output: "f", of the softmax, as in the paper, so with no gradient where the classifier is sure of itself; "z", of
    the logits; "pair", of two logits alone, the target's and the largest other's, where the pair with the largest
    α − β, if positive, is taken: what other classes do meanwhile neither counts nor rules a pair out.
    theta: what is added to a value, in pixel units; negative to darken. gamma: share of an image's values (those of
    all channels) that may be changed. Untargeted, it goes for the runner-up of the clean image.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["jsma"] = "jsma"
    output: Literal["f", "z", "pair"] = "f"
    theta: Annotated[float, Ge(-1), Le(1)] = 1.0
    gamma: Annotated[float, Gt(0), Le(1)] = 0.1

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.output}"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending, z = Pending.all(model, x, goal, seeds), x.clone()
        free = _movable(z, self.theta).flatten(1)
        target = goal.targets(model(x).detach())
        rounds = int(self.gamma * free.shape[1] / 2 + 1e-9)
        for done in range(rounds):
            if not len(pending):
                return pending.found
            logits, rise, fall = self._slopes(pending.model, z, target)
            reached = pending.goal.reached(logits)
            pair, salient = _best_sum(rise, free) if fall is None else _best_product(rise, fall, free)
            keep = pending.settle(reached | ~salient, torch.where(per_sample(reached), z, pending.x))
            if keep is not None:
                z, free, target, pair = z[keep], free[keep], target[keep], pair[keep]
            values = z.flatten(1)
            moved = values.scatter(1, pair, (values.gather(1, pair) + self.theta).clamp(0, 1))
            z = moved.view_as(z)
            free = free & _movable(moved, self.theta)
            on_step(self.name, done + 1, rounds)
        if len(pending):
            pending.settle(pending.goal.reached(pending.model(z)), z)
        return pending.found

    def _slopes(self, model: Classifier, z: Images, target: Int[Tensor, " n"]) -> tuple[Logits, Slopes, Slopes | None]:
        """The gradient of what is to rise, and minus that of what is to fall where it is not the same; by θ's sign."""
        z = z.detach().requires_grad_()
        logits = model(z)
        turn = 1.0 if self.theta > 0 else -1.0
        fall = None
        if self.output == "f":
            # the outputs add up to 1, so all others fall as the target rises: β = −α
            rising = of_class(logits.softmax(1), target)
        elif self.output == "pair":
            rising = of_class(logits, target) - best_except(logits, target)[0]
        else:
            rising = of_class(logits, target)
            (all_others,) = torch.autograd.grad((logits.sum(1) - rising).sum(), z, retain_graph=True)
            fall = -turn * all_others.flatten(1)
        (slope,) = torch.autograd.grad(rising.sum(), z)
        return logits.detach(), turn * slope.flatten(1), fall


def _movable(values: Float[Tensor, "..."], theta: float) -> Bool[Tensor, "..."]:
    return values < 1 if theta > 0 else values > 0


def _best_sum(rise: Slopes, free: Bool[Tensor, "n p"]) -> tuple[Int[Tensor, "n 2"], Bool[Tensor, " n"]]:
    """The free pair with the largest sum, and whether that is positive."""
    largest = rise.masked_fill(~free, float("-inf")).topk(2, dim=1)
    return largest.indices, largest.values.sum(1) > 0


def _best_product(
    rise: Slopes, fall: Slopes, free: Bool[Tensor, "n p"]
) -> tuple[Int[Tensor, "n 2"], Bool[Tensor, " n"]]:
    """The free pair with the largest product of its two sums, both positive, and whether there is one.

    Putting a value that is as large in both in place of one of the pair lowers neither sum. So there is a best pair of
    which neither has two others as large in both, for one of them would be free to take its place: few are left to be
    paired. Of equals the first is taken, so that no companion in the batch decides.
    """
    lowest = torch.full_like(rise[:, :1], float("-inf"))
    rise, order = rise.masked_fill(~free, float("-inf")).sort(dim=1, descending=True, stable=True)
    fall = fall.masked_fill(~free, float("-inf")).gather(1, order)
    before = torch.cat([lowest, fall.cummax(1).values[:, :-1]], 1)
    second = torch.minimum(fall, before).cummax(1).values  # of all up to here, the second largest
    left = fall > torch.cat([lowest, second[:, :-1]], 1)
    count = max(2, int(left.sum(1).max())) if len(left) else 2
    places = (~left).byte().argsort(dim=1, stable=True)[:, :count]
    rise, fall = (values.masked_fill(~left, float("-inf")).gather(1, places) for values in (rise, fall))
    best = torch.zeros_like(rise[:, 0])
    pair = places[:, :2].clone()
    for one in range(count - 1):  # row by row, so that memory grows with the count and not with its square
        sums = rise[:, one, None] + rise[:, one + 1 :], fall[:, one, None] + fall[:, one + 1 :]
        value, other = torch.where((sums[0] > 0) & (sums[1] > 0), sums[0] * sums[1], 0.0).max(1)
        better = value > best
        best = torch.where(better, value, best)
        chosen = torch.stack([places[:, one], places.gather(1, other[:, None] + one + 1)[:, 0]], 1)
        pair = torch.where(better[:, None], chosen, pair)
    return order.gather(1, pair), best > 0
