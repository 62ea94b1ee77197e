"""Carlini and Wagner's L0 attack."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.attacks.attack import Classifier, Images, gradient, narrow, per_sample
from methods.attacks.carlini_wagner import boxes, objectives
from methods.attacks.carlini_wagner.descent import WINDOWS, Descent, Progress
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.pending import Pending
from methods.progress import OnStep, silent

FACTOR = 10.0
"""A c that fails is multiplied by this."""
BACKTRACK = 0.25
"""After a failure, the share of pixels to freeze is multiplied by this."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CarliniWagnerL0:
    """arXiv 1608.04644, section VI.B: attack under L2, freeze the pixels least useful to the attack found, repeat until
    the rest is too few, each attack going on from the last.

    How useful a pixel is: by how much δ there lowers the margin, −∇margin·δ summed over channels (the paper's "arg min
    g·δ" with the sign that its words mean). share: of the free pixels, frozen at once; less once that was too many,
    and a single pixel in the end. An attack tries c_steps values of c from initial_c on, each for at most `steps`
    gradients. learning_rate, confidence, objective, box: as for L2.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["cw_l0"] = "cw_l0"
    share: Annotated[float, Gt(0), Le(0.9)] = 0.1
    steps: Annotated[int, Ge(1)] = 100
    learning_rate: Annotated[float, Gt(0)] = 0.1
    confidence: Annotated[float, Ge(0)] = 0.0
    initial_c: Annotated[float, Gt(0)] = 1.0
    c_steps: Annotated[int, Ge(1)] = 4
    objective: objectives.Name = "f6"
    box: boxes.Name = "change_of_variables"

    def __post_init__(self) -> None:
        objectives.check_confidence(self.objective, self.confidence)

    @property
    def name(self) -> str:
        return self.kind

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        pending = Pending.all(model, x, goal, seeds)
        descent = Descent.at(x, boxes.BOXES[self.box], self.learning_rate)
        progress, freezing = Progress.at(x), Freezing.at(x, self.share)
        c = x.new_full((len(x),), self.initial_c)
        window = -(-self.steps // WINDOWS)
        while len(pending):
            hit, reached = pending.x, torch.zeros_like(c, dtype=torch.bool)
            for _ in range(window):
                z = descent.image()
                f = objectives.weighted(self.objective, c, pending.goal, self.confidence)
                logits, weighted, slope = gradient(pending.model, z, f)
                delta = descent.displacement(z)
                now = pending.goal.reached(logits, self.confidence)
                hit, reached = torch.where(per_sample(now), z, hit), reached | now
                progress.note(weighted + delta.square().flatten(1).sum(1))
                descent.move(z, slope * freezing.free, 2 * delta)
            hopeless = ~reached & (progress.stalled() | (descent.count + window > self.steps))
            failed = hopeless & (c >= self.initial_c * FACTOR ** (self.c_steps - 1))
            c = torch.where(hopeless, torch.where(failed, self.initial_c, c * FACTOR), c)
            over = freezing.update(pending, hit, reached, failed)
            progress.restart(reached | hopeless)
            again = torch.where(freezing.free, freezing.images, pending.x)
            descent.restart(reached | hopeless, torch.where(per_sample(reached | failed), again, z))
            keep = pending.settle(over, freezing.images)
            if keep is not None:
                for part in (descent, progress, freezing):
                    part.keep(keep)
                c = c[keep]
            on_step(self.name, len(x) - len(pending), len(x))
        return pending.found


@dataclasses.dataclass(slots=True)
class Freezing:
    """images: each sample's last that reached the goal, the clean one until there is any; changed: its pixels; useful:
    how useful each was; free: what may move now; chunk: how many of the changed were frozen to come there.
    """

    images: Images
    changed: Bool[Tensor, "m 1 h w"]
    useful: Float[Tensor, "m 1 h w"]
    free: Bool[Tensor, "m 1 h w"]
    share: Float[Tensor, " m"]
    chunk: Int[Tensor, " m"]

    @classmethod
    def at(cls, x: Images, share: float) -> "Freezing":
        pixels, samples = torch.zeros_like(x[:, :1]), x.new_zeros(len(x))
        return cls(x, pixels > 0, pixels, pixels == 0, samples + share, samples.long())

    def update(
        self, pending: Pending, hit: Images, reached: Bool[Tensor, " m"], failed: Bool[Tensor, " m"]
    ) -> Bool[Tensor, " m"]:
        """Freezes pixels of the samples that have just reached the goal, and fewer than before of those that failed.

        Returns who cannot lose another pixel.
        """
        rows = reached.nonzero()[:, 0]
        if len(rows):
            slope = gradient(narrow(pending.model, rows), hit[rows], pending.goal[rows].margin)[2]
            delta = hit[rows] - pending.x[rows]
            self.images = self.images.index_copy(0, rows, hit[rows])
            self.useful = self.useful.index_copy(0, rows, -(slope * delta).sum(1, keepdim=True))
            self.changed = self.changed.index_copy(0, rows, (delta != 0).any(1, keepdim=True))
        count = self.changed.flatten(1).sum(1)
        over = (failed & (self.chunk <= 1)) | (reached & (count <= 1))
        self.share = torch.where(failed, self.share * BACKTRACK, self.share)
        some = (self.share * count).long().clamp_min(1)
        self.chunk = torch.where(reached | failed, some, self.chunk)
        order = torch.where(self.changed, self.useful, float("inf")).flatten(1).argsort(dim=1, stable=True)
        place = order.argsort(1).view_as(self.useful)
        rest = self.changed & (place >= per_sample(self.chunk))
        self.free = torch.where(per_sample(reached | failed), rest, self.free)
        return over

    def keep(self, rows: Int[Tensor, " k"]) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name)[rows])
