"""The networks under attack, each a value that any worker can turn into a classifier."""

import dataclasses
import hashlib
import importlib
import inspect
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from methods.errors import BadSetting
from methods.evaluation.boundary import pixels
from methods.layout import Layout
from models import with_normalisation
from storage.files import Ref, verify_ref
from storage.formats import read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.evaluate import stored_rows
from tasks.runtime.worker_cache import worker_cache

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCHVISION = "torchvision:"
GENERATED, COLLECTED, MEAN = SIBLINGS = ("generated", "collected", "mean")
"""Models of one network that differ in some parameters; only some attacks are run on them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnNetwork:
    """A user's classifier.

    network: `module:function`, a function without arguments that returns an `nn.Module` for float images in [0, 1]
    (importable from where weightsmith is started); or `torchvision:NAME`, which is given ImageNet's normalisation.
    weights: safetensors, or a state dict saved by torch; null where the function loads them itself.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    network: str
    weights: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One network under attack: `member` tells those of the same name apart.

    base: weights of the study's network. rows, row, layout: a matrix of generated or collected parameters, which of its
    rows is written over them, and where. own: a user's network, in place of the study's; sha256 is that
    of its name, weights and source.
    """

    name: str
    member: int = 0
    seed: int = 0
    base: Ref | None = None
    rows: Ref | None = None
    row: int = 0
    layout: Layout | None = None
    collected: bool = False
    own: OwnNetwork | None = None
    sha256: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it apart and decides its answers, wherever its files lie."""
        told_apart = (self.name, self.member, self.seed)
        return (*told_apart, self.base, self.rows, self.row, self.layout, self.collected, self.sha256)


def named(subject: Subject) -> str:
    """For people, where a study has one network of a name and a seed."""
    return f"{subject.name} seed {subject.seed}"


def own_subject(own: OwnNetwork) -> Subject:
    """Builds the network once, to know it by its weights and its source. Raises `BadSetting` where that fails."""
    network = _load(own)
    hasher = hashlib.sha256(own.network.encode())
    for name, value in network.state_dict().items():
        hasher.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    if not own.network.startswith(TORCHVISION):
        hasher.update(inspect.getsource(importlib.import_module(own.network.partition(":")[0])).encode())
    return Subject(name=own.name, own=own, sha256=hasher.hexdigest())


@worker_cache(2)
def classifier(worker_context: ClassifierContext, subject: Subject) -> nn.Module:
    """In eval mode, on the context's device, its parameters frozen. The last ones are kept: blocks follow blocks."""
    if subject.own is not None:
        network = _load(subject.own).to(worker_context.device)
    else:
        network = worker_context.network(subject.seed, subject.base)
    if subject.rows is not None:
        row = _row(subject).to(worker_context.device)
        assert subject.layout is not None
        written = {name: value[0] for name, value in subject.layout.restore(row).items()}
        network.load_state_dict(network.state_dict() | written)
    network.eval().requires_grad_(False)
    _check_classes(worker_context, subject, network)
    return network


def _row(subject: Subject) -> torch.Tensor:
    assert subject.rows is not None
    verify_ref(subject.rows)
    return stored_rows(subject.rows, subject.seed, subject.row, subject.row + 1, collected=subject.collected)


def _load(own: OwnNetwork) -> nn.Module:
    """The same network in every process, also where its function draws what it does not load."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return _loaded(own)


def _loaded(own: OwnNetwork) -> nn.Module:
    if own.network.startswith(TORCHVISION) and own.weights is None:
        raise BadSetting(problem=f"{own.name}: {own.network} without weights is untrained", remedy="give weights")
    if own.network.startswith(TORCHVISION):
        network = with_normalisation(_torchvision(own.network.removeprefix(TORCHVISION)), *IMAGENET)
    else:
        network = _imported(own)
    if own.weights is not None:
        load_weights(network, own.weights, own.network)
    return network


def _torchvision(name: str) -> nn.Module:
    from torchvision.models import get_model

    try:
        return get_model(name, weights=None)
    except ValueError as error:
        raise BadSetting(problem=str(error), remedy="choose a classifier of torchvision, as resnet50") from error


def load_weights(network: nn.Module, path: str, name: str) -> None:
    """From safetensors or a state dict saved by torch. Raises `BadSetting` where they are not those of `network`."""
    state = _state(Path(path))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadSetting(
            problem=f"{path} does not fit {name}: {error}", remedy="give weights of this network"
        ) from error


def _imported(own: OwnNetwork) -> nn.Module:
    module, _, function = own.network.partition(":")
    try:
        network = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise BadSetting(
            problem=f"the network {own.network!r} of {own.name} cannot be made: {error}",
            remedy="give module:function, importable from here, the function without arguments; or torchvision:NAME",
        ) from error
    if not isinstance(network, nn.Module):
        raise BadSetting(problem=f"{own.network} returned {type(network).__name__}", remedy="return an nn.Module")
    return network


def _state(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise BadSetting(problem=f"there is no file {path}", remedy="give the path of the network's weights")
    if path.suffix == ".safetensors":
        return read_tensors(path)[0]
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the pickle makes it raise
        raise BadSetting(
            problem=f"{path} is no state dict of tensors: {error}", remedy="save it with torch.save(net.state_dict())"
        ) from error


def _check_classes(worker_context: ClassifierContext, subject: Subject, network: nn.Module) -> None:
    images, classes = worker_context.test.images[:2], len(worker_context.splits.classes)
    try:
        with torch.no_grad():
            logits = network(pixels(images))
    except (RuntimeError, ValueError) as error:
        raise BadSetting(
            problem=f"{subject.name} cannot take {tuple(images.shape[1:])} images of "
            f"{worker_context.splits.name}: {error}",
            remedy="choose data of the size that it was made for (data.size)",
        ) from error
    if logits.ndim != 2 or logits.shape[1] != classes:
        raise BadSetting(
            problem=f"{subject.name} returns {tuple(logits.shape)} for 2 images of {classes} classes",
            remedy="give a classifier that returns one logit per class of the data",
        )
