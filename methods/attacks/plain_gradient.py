"""Plain gradient descent on the perturbation, without anything that later attacks have added."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt
from jaxtyping import Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, Logits, gradient
from methods.attacks.balls import BALLS
from methods.attacks.goals import Goal, Targeted, Untargeted, of_class
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where every sample of a batch stands after `step` steps.

    true_probability: of the label. prediction, probability: of the class that the model now holds for the likeliest.
    """

    step: int
    images: Images
    loss: Float[Tensor, " n"]
    true_probability: Float[Tensor, " n"]
    prediction: Int[Tensor, " n"]
    probability: Float[Tensor, " n"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlainGradient:
    """Gradient descent without momentum or sign, as introductions to the subject have it (Kolter and Madry,
    "Adversarial Robustness: Theory and Practice", chapter 1), and the box [0, 1], which they leave out.

    It lowers −CE(label), or CE(target) − CE(label) where there is a target. epsilon: half-width of the cube around the
    image that every step is clamped to. step_size: learning rate, in pixel units per unit of the loss's gradient;
    `targeted_…`: the same with a target. The attack leaves a sample at its first success; `trace` goes on to the end.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["plain_gradient"] = "plain_gradient"
    epsilon: Annotated[float, Gt(0)] = 2 / 255
    step_size: Annotated[float, Gt(0)] = 0.1
    steps: Annotated[int, Ge(1)] = 30
    targeted_step_size: Annotated[float, Gt(0)] = 5e-3
    targeted_steps: Annotated[int, Ge(1)] = 100

    @property
    def name(self) -> str:
        return self.kind

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending, z = Pending.all(model, x, goal, seeds), x
        _, steps = self._schedule(goal)
        for step in range(steps):
            if not len(pending):
                return pending.found
            logits, _, slope = gradient(pending.model, z, lambda logits: _loss(pending.goal, logits))
            keep = pending.settle(pending.goal.reached(logits), z)
            if keep is not None:
                z, slope = z[keep], slope[keep]
            z = self._step(z, pending.x, slope, goal)
            on_step(self.name, step + 1, steps)
        if len(pending):
            pending.settle(pending.goal.reached(pending.model(z)), z)
        return pending.found

    def trace(self, model: Classifier, x: Images, goal: Untargeted | Targeted, *, every: int = 5) -> Iterator[Moment]:
        """The descent of the whole batch, from the clean images on: every so many steps, and the end."""
        z, (_, steps) = x, self._schedule(goal)
        for step in range(steps + 1):
            logits, loss, slope = gradient(model, z, lambda logits: _loss(goal, logits))
            if step % every == 0 or step == steps:
                likely = logits.softmax(1)
                probability, prediction = likely.max(1)
                yield Moment(
                    step=step,
                    images=z,
                    loss=loss,
                    true_probability=of_class(likely, goal.labels),
                    prediction=prediction,
                    probability=probability,
                )
            z = self._step(z, x, slope, goal)

    def _schedule(self, goal: Goal) -> tuple[float, int]:
        if isinstance(goal, Targeted):
            return self.targeted_step_size, self.targeted_steps
        return self.step_size, self.steps

    def _step(self, z: Images, x: Images, slope: Images, goal: Goal) -> Images:
        return BALLS["linf"].project(z - self._schedule(goal)[0] * slope, x, self.epsilon)


def _loss(goal: Goal, logits: Logits) -> Float[Tensor, " n"]:
    if isinstance(goal, Targeted):
        return goal.loss(logits) + Untargeted(goal.labels).loss(logits)
    return goal.loss(logits)
