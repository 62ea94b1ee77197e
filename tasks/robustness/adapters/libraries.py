"""Attacks of other libraries, in the same table as ours: foolbox, adversarial-robustness-toolbox, torchattacks.

None of them is required; each is imported when an attack of it is asked for. They are given the same images and goals,
and are measured by the same harness. Their randomness is global: it is seeded for each batch, so
their rows depend on the batch; ours do not.
"""

import dataclasses
import importlib
import importlib.metadata
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Gt
from jaxtyping import Int
from torch import Tensor, nn

from methods import randomness
from methods.attacks.attack import Classifier, Images, per_sample
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.errors import BadSetting
from methods.progress import OnStep, silent

Package = Literal["foolbox", "art", "torchattacks"]
DISTRIBUTIONS = {"foolbox": "foolbox", "art": "adversarial-robustness-toolbox", "torchattacks": "torchattacks"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LibraryAttack:
    """attack: the class's name there, as `LinfPGD`, `CarliniL2Method`, `Square`. settings: its constructor's arguments.

    epsilon: the budget that foolbox takes beside them; null where an attack has none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    goals: ClassVar[tuple[type, ...]] = (Untargeted, Targeted)

    kind: Literal["library"] = "library"
    package: Package
    attack: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    epsilon: Annotated[float, Gt(0)] | None = None

    @property
    def name(self) -> str:
        return f"{self.package}_{self.attack.lower()}"

    def __call__(
        self, model: Classifier, x: Images, goal: Goal, *, seeds: Int[Tensor, " n"], on_step: OnStep = silent
    ) -> Images:
        """Raises `BadSetting` where the library or the attack is missing, or refuses its settings."""
        module, run = imported(self.package), {"foolbox": _foolbox, "art": _art, "torchattacks": _torchattacks}
        try:
            with randomness.all_global_draws(int(seeds[0]), self.package, self.attack, device=x.device):
                found = run[self.package](module, self, _Module(model), x, goal)
        except (AttributeError, TypeError, ValueError) as error:
            raise BadSetting(
                problem=f"{self.attack} of {DISTRIBUTIONS[self.package]} cannot run: {error}",
                remedy="check the attack's name, its settings, and whether it knows this kind of goal",
            ) from error
        found = found.detach().to(x).clamp(0, 1)
        with torch.no_grad():
            reached = goal.reached(model(found))
        on_step(self.name, 1, 1)
        return torch.where(per_sample(reached), found, x)


def version_of(attack: object) -> str | None:
    """Of the library that an attack is made by; None for one of ours."""
    if not isinstance(attack, LibraryAttack):
        return None
    try:
        return importlib.metadata.version(DISTRIBUTIONS[attack.package])
    except importlib.metadata.PackageNotFoundError:  # it is importable from somewhere else
        return str(getattr(imported(attack.package), "__version__", None))


def imported(package: Package) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise BadSetting(
            problem=f"{DISTRIBUTIONS[package]} is not installed: {error}",
            remedy=f"`uv pip install {DISTRIBUTIONS[package]}` beside weightsmith, or leave its attacks out",
        ) from error


class _Module(nn.Module):
    """The libraries want a module with a device, and cut batches as they like."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.call = getattr(model, "spread", model)
        inner = getattr(model, "model", model)
        self.inner = inner if isinstance(inner, nn.Module) else nn.Identity()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)


def _foolbox(module: ModuleType, asked: LibraryAttack, network: _Module, x: Images, goal: Goal) -> Images:
    classifier = module.PyTorchModel(network, bounds=(0, 1), device=x.device)
    criterion = goal.labels
    if isinstance(goal, Targeted):
        criterion = module.criteria.TargetedMisclassification(goal.classes)
    attack = getattr(module.attacks, asked.attack)(**asked.settings)
    return attack(classifier, x, criterion, epsilons=asked.epsilon)[1]


def _art(module: ModuleType, asked: LibraryAttack, network: _Module, x: Images, goal: Goal) -> Images:
    evasion = importlib.import_module("art.attacks.evasion")
    estimators = importlib.import_module("art.estimators.classification")
    with torch.no_grad():
        classes = network(x[:1]).shape[1]
    classifier = estimators.PyTorchClassifier(
        model=network,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(x.shape[1:]),
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type="gpu" if x.is_cuda else "cpu",
    )
    targeted = isinstance(goal, Targeted)
    asked_of = {"targeted": True} if targeted else {}
    attack = getattr(evasion, asked.attack)(classifier, **asked.settings, **asked_of)
    labels = goal.classes if isinstance(goal, Targeted) else goal.labels
    onehot = np.eye(classes, dtype=np.float32)[labels.cpu().numpy()]
    return torch.from_numpy(attack.generate(x.float().cpu().numpy(), onehot)).to(x)


def _torchattacks(module: ModuleType, asked: LibraryAttack, network: _Module, x: Images, goal: Goal) -> Images:
    attack = getattr(module, asked.attack)(network, **asked.settings)
    if isinstance(goal, Targeted):
        attack.set_mode_targeted_by_label(quiet=True)
        return attack(x, goal.classes)
    return attack(x, goal.labels)
