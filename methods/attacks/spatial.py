"""Rotations and translations, by grid: a threat that no norm ball holds."""

import dataclasses
import itertools
import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Interval
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from methods.attacks.attack import Classifier, Images
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spatial:
    """Engstrom et al., arXiv 1712.02779, section 3: the grid search over rotations and translations.

    Budgets in a norm do not apply to it: a shift by one pixel is far in every norm, so its success must not be set
    against that of an attack within a ball. Mildest first, by the sum of rotation and translation as shares of their
    limits; the first that succeeds is returned. Pixels from outside of the image are black.

    degrees: largest rotation, either way. shift: largest translation, as a share of height and width. rotations,
    shifts: grid points of the rotation, and of the translation along each axis; an odd number includes none at all.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["spatial"] = "spatial"
    degrees: Annotated[float, Interval(ge=0, le=180)] = 30.0
    shift: Annotated[float, Interval(ge=0, lt=1)] = 0.1
    rotations: Annotated[int, Ge(1)] = 31
    shifts: Annotated[int, Ge(1)] = 5

    @property
    def name(self) -> str:
        return "spatial_grid"

    @torch.no_grad()
    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending, grid = Pending.all(model, x, goal, seeds), self.grid()
        for number, (turn, down, right) in enumerate(grid):
            if not len(pending):
                break
            z = moved(pending.x, self.degrees * turn, self.shift * down, self.shift * right)
            pending.settle(pending.goal.reached(pending.model(z)), z)
            on_step(self.name, number + 1, len(grid))
        return pending.found

    def grid(self) -> list[tuple[float, float, float]]:
        """Rotation, translation down and to the right, as shares of their limits in [−1, 1]."""
        points = itertools.product(_points(self.rotations), _points(self.shifts), _points(self.shifts))
        return sorted(points, key=lambda point: (sum(abs(share) for share in point), point))


def _points(number: int) -> list[float]:
    return [2 * i / (number - 1) - 1 for i in range(number)] if number > 1 else [0.0]


def moved(x: Images, degrees: float, down: float, right: float) -> Images:
    """Turned counter-clockwise about the middle, then moved by shares of height and width; bilinear, black outside."""
    if degrees == down == right == 0:
        return x
    height, width = x.shape[2:]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # from where in the old picture, in half heights and half widths, each new pixel comes
    turn = torch.tensor([[cos, -sin * height / width], [sin * width / height, cos]], dtype=x.dtype)
    back = -turn @ torch.tensor([[2 * right], [2 * down]], dtype=x.dtype)
    theta = torch.cat([turn, back], 1).to(x.device).expand(len(x), 2, 3)
    places = affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, places, mode="bilinear", padding_mode="zeros", align_corners=False).clamp(0, 1)
