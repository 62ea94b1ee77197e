"""Any attack, measured from outside: success, distances, calls and seconds, and none of it by the attack's own word."""

import dataclasses
import time
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from methods.attacks.attack import Attack, Classifier, Images, Logits, per_sample
from methods.attacks.goals import Goal
from methods.errors import BadData, BadSetting
from methods.progress import OnStep, silent

PROBABILITIES = 1e-4
"""Outputs in [0, 1] that add up to 1 this closely are probabilities, not logits."""


class Counted:
    """A classifier that counts the images passed forwards and the gradients passed back, for every sample by itself.

    rows: which samples of the whole batch the model is being called for. Images of a multiple of their number count
    for them in turn.
    """

    def __init__(self, model: Classifier, samples: int, device: torch.device) -> None:
        self.model = model
        self.rows = torch.arange(samples, device=device)
        self.forwards = torch.zeros(samples, dtype=torch.float64, device=device)
        self.backwards = torch.zeros(samples, dtype=torch.float64, device=device)

    def __call__(self, x: Images) -> Logits:
        rows = self.rows.repeat(len(x) // len(self.rows)) if len(self.rows) else self.rows
        if len(rows) != len(x):
            raise ValueError(f"{len(x)} images for {len(self.rows)} samples: narrow() the model first")
        ones = torch.ones_like(rows, dtype=torch.float64)
        self.forwards.index_add_(0, rows, ones)
        return self.model(self._watched(x, lambda: self.backwards.index_add_(0, rows, ones)))

    def _watched(self, x: Images, count: Callable[[], object]) -> Images:
        """`count` is called whenever a gradient comes back to x."""
        if not (torch.is_grad_enabled() and x.requires_grad):
            return x
        x = x.view_as(x)  # a view has a hook of its own, and leaves the caller's tensor as it is

        def hook(_: Tensor) -> None:
            count()

        x.register_hook(hook)
        return x

    def spread(self, x: Images) -> Logits:
        """The same for a caller that forms batches of its own: what it asks for is shared out among all samples."""
        share = len(x) / max(len(self.rows), 1)
        self.forwards[self.rows] += share

        def count() -> None:
            self.backwards[self.rows] += share

        return self.model(self._watched(x, count))

    def narrow(self, keep: Tensor) -> "Counted":
        part = Counted.__new__(Counted)
        part.model, part.rows = self.model, self.rows[keep]
        part.forwards, part.backwards = self.forwards, self.backwards
        return part


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What became of each sample: a failed one has its clean image and prediction, and distances of 0.

    Distances are to the clean image; l0 counts pixels, not channels.
    """

    images: Images
    clean_prediction: Int[Tensor, " n"]
    prediction: Int[Tensor, " n"]
    success: Bool[Tensor, " n"]
    l0: Int[Tensor, " n"]
    l1: Float[Tensor, " n"]
    l2: Float[Tensor, " n"]
    linf: Float[Tensor, " n"]
    forwards: Float[Tensor, " n"]
    backwards: Float[Tensor, " n"]
    seconds: float
    """Of the whole batch."""


def measure(
    attack: Attack, model: nn.Module, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
) -> Measured:
    """Runs `attack` and re-measures everything on the images that it returns.

    Raises `BadSetting` for a model in train mode, one that returns probabilities, or a goal that the attack does not
    know; `BadData` for images outside of [0, 1].
    """
    check_model(model)
    check_images(x)
    if type(goal) not in attack.goals:
        known = " or ".join(kind.__name__ for kind in attack.goals)
        raise BadSetting(
            problem=f"{attack.name} cannot pursue the goal {type(goal).__name__}", remedy=f"give it {known}"
        )
    clean = predict(model, x)
    check_logits(clean)
    counted, given = Counted(model, len(x), x.device), x.clone()
    began = time.perf_counter()
    images = attack(counted, given, goal, seeds=seeds, on_step=on_step).detach()
    if x.device.type == "cuda":
        torch.cuda.synchronize(x.device)
    seconds = time.perf_counter() - began
    check_result(attack, x, given, images)
    logits = predict(model, images)
    success = goal.reached(logits)
    images = torch.where(per_sample(success), images, x)
    delta = (images - x).flatten(1).double()
    return Measured(
        images=images,
        clean_prediction=clean.argmax(1),
        prediction=torch.where(success, logits.argmax(1), clean.argmax(1)),
        success=success,
        l0=(images != x).any(1).flatten(1).sum(1),
        l1=delta.abs().sum(1),
        l2=delta.norm(dim=1),
        linf=delta.abs().amax(1),
        forwards=counted.forwards,
        backwards=counted.backwards,
        seconds=seconds,
    )


@torch.no_grad()
def predict(model: Classifier, x: Images, batch: int = 1000) -> Logits:
    return torch.cat([model(part) for part in x.split(batch)])


def check_model(model: nn.Module) -> None:
    if any(module.training for module in model.modules()):
        raise BadSetting(
            problem="the classifier is in train mode: its norms and dropout would answer differently at every call",
            remedy="call model.eval() first",
        )


def check_logits(logits: Logits) -> None:
    if not logits.isfinite().all():
        raise BadSetting(problem="the classifier's logits are not all finite", remedy="look at its weights and input")
    inside = len(logits) > 0 and bool(((logits >= 0) & (logits <= 1)).all())
    if inside and bool(((logits.sum(1) - 1).abs() < PROBABILITIES).all()):
        raise BadSetting(
            problem="the classifier returns probabilities (they lie in [0, 1] and add up to 1), not logits",
            remedy="leave out its softmax: its gradients vanish where the classifier is sure",
        )


def check_images(x: Images) -> None:
    if x.dtype not in (torch.float32, torch.float64):
        raise BadData(problem=f"images are {x.dtype}", remedy="give float32 or float64 in [0, 1]; divide bytes by 255")
    if len(x) and not (float(x.min()) >= 0 and float(x.max()) <= 1):
        raise BadData(
            problem=f"images range from {float(x.min()):.4g} to {float(x.max()):.4g}",
            remedy="scale them to [0, 1]; the classifier itself normalises",
        )


def check_result(attack: Attack, x: Images, given: Images, images: Images) -> None:
    """What no attack may do, ours or another library's."""
    if not torch.equal(given, x):
        raise BadSetting(problem=f"{attack.name} changed the images that it was given", remedy="use another attack")
    if images.shape != x.shape or not bool(((images >= 0) & (images <= 1)).all()):
        raise BadSetting(
            problem=f"{attack.name} returned images outside of [0, 1] or of another shape", remedy="use another attack"
        )
