"""The gradient attack as introductions show it: one photograph, without and with a target, step by step."""

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from methods.attacks.goals import Targeted, Untargeted
from methods.attacks.plain_gradient import Moment, PlainGradient
from methods.errors import BadData, BadSetting
from methods.evaluation.boundary import pixels
from methods.progress import OnStep
from models import with_normalisation
from storage.files import Ref, sha256
from storage.formats import publish_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.results.unfit import UNFIT, shortfall
from tasks.robustness.models_under_test import IMAGENET, Subject, classifier, load_weights
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

SIDE = 224
DOWNLOAD = "download"
LINES = 5
"""One line of the loss every so many steps, as in the source note."""
TOP = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tutorial:
    """network: torchvision's name. weights: a local file of that network's weights (state dict or safetensors), or
    `download` for torchvision's own; null: the study's network and one of its test images stand in, with the settings
    `stand_in`. image: a photograph; null: one that scikit-learn brings along. target: class to move to, by name.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    network: str = "resnet50"
    weights: str | None = None
    image: str | None = None
    target: str = "airliner"
    attack: PlainGradient = PlainGradient()
    stand_in: PlainGradient = PlainGradient(epsilon=0.2, step_size=1.0, targeted_step_size=0.05)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the attack is shown on; `note` says where network and image come from."""

    network: nn.Module
    image: Tensor
    classes: Sequence[str]
    label: int
    target: int
    attack: PlainGradient
    note: str


@stage
def show(context: RunContext, tutorial: Tutorial, stand_in: Subject) -> Ref:
    """One JSON file: a story without and one with a target, or the record of why the stand-in is unfit."""
    files = [path and sha256(path) if path != DOWNLOAD else path for path in (tutorial.weights, tutorial.image)]
    items = {tutorial.network if tutorial.weights else stand_in.name: (tutorial, files, stand_in)}
    (found,) = map_jobs(context, "tutorial", show_one, items, product="tutorial", suffix=".json").values()
    return found


def check_tutorial(tutorial: Tutorial) -> None:
    """Raises `BadSetting` for a file, network or class that is not there."""
    for path in (tutorial.weights, tutorial.image):
        if path and path != DOWNLOAD and not Path(path).is_file():
            raise BadSetting(problem=f"the tutorial's file {path} does not exist", remedy="give its path, or null")
    if tutorial.weights:
        from torchvision.models import get_model_weights

        try:
            classes = get_model_weights(tutorial.network).DEFAULT.meta["categories"]  # type: ignore[attr-defined]
        except ValueError as error:
            raise BadSetting(problem=str(error), remedy="choose a classifier of torchvision, as resnet50") from error
        if tutorial.target not in classes:
            near = ", ".join(classes[:5])
            raise BadSetting(problem=f"no class is called {tutorial.target!r}", remedy=f"choose one as {near}")


def show_one(
    worker_context: ClassifierContext,
    tutorial: Tutorial,
    _files: Sequence[str | None],
    stand_in: Subject,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """_files: hashes of the tutorial's weights and image, part of the product's key."""
    try:
        scene = (
            _photograph(worker_context, tutorial) if tutorial.weights else _stand_in(worker_context, tutorial, stand_in)
        )
    except BadData as error:  # a network that is always wrong has nothing to show
        publish_json(target, {UNFIT: dataclasses.asdict(shortfall(error, "tutorial", stand_in.seed))})
        return
    label, other = (torch.tensor([each], device=worker_context.device) for each in (scene.label, scene.target))
    goals: dict[str, Untargeted | Targeted] = {"untargeted": Untargeted(label), "targeted": Targeted(label, other)}
    stories = {}
    for number, (name, goal) in enumerate(goals.items()):
        on_step("tutorial", number, len(goals))
        moments = list(scene.attack.trace(scene.network, scene.image, goal, every=LINES))
        stories[name] = _story(scene, moments)
    told = {"note": scene.note, "epsilon": scene.attack.epsilon, "label": scene.classes[scene.label]}
    publish_json(target, told | {"target": scene.classes[scene.target], "stories": stories})


def _story(scene: Scene, moments: Sequence[Moment]) -> dict[str, Any]:
    lines = [
        {
            "step": moment.step,
            "loss": float(moment.loss[0]),
            "true_probability": float(moment.true_probability[0]),
            "prediction": scene.classes[int(moment.prediction[0])],
            "probability": float(moment.probability[0]),
        }
        for moment in moments
    ]
    first, last = moments[0].images, moments[-1].images
    pictures = {"original": _encoded(first), "adversarial": _encoded(last)}
    best = {"before": _best(scene, first), "after": _best(scene, last)}
    return {"lines": lines, **best, "shape": list(first.shape[1:]), "pictures": pictures}


@torch.no_grad()
def _best(scene: Scene, image: Tensor) -> list[dict[str, Any]]:
    values, indices = scene.network(image).softmax(1)[0].topk(min(TOP, len(scene.classes)))
    return [
        {"class": scene.classes[i], "probability": p} for p, i in zip(values.tolist(), indices.tolist(), strict=True)
    ]


def _encoded(image: Tensor) -> str:
    return base64.b64encode(image[0].float().cpu().numpy().tobytes()).decode()


def _stand_in(worker_context: ClassifierContext, tutorial: Tutorial, subject: Subject) -> Scene:
    """The first test image that the study's network is right about, and the class that comes next."""
    network, splits = classifier(worker_context, subject), worker_context.splits
    images, labels = pixels(worker_context.test.images[:100]), worker_context.test.labels[:100]
    with torch.no_grad():
        right = (network(images).argmax(1) == labels).nonzero()[:, 0]
    if not len(right):
        raise BadData(problem=f"{subject.name} is right about none of 100 images", remedy="train it for longer")
    chosen = int(right[0])
    label = int(labels[chosen])
    note = (
        f"No weights of {tutorial.network} were given: a {worker_context.context_config.network.kind} trained here on "
        f"{splits.name} stands in, with one of its test images."
    )
    return Scene(
        network=network,
        image=images[chosen : chosen + 1],
        classes=splits.classes,
        label=label,
        target=(label + 1) % len(splits.classes),
        attack=tutorial.stand_in,
        note=note,
    )


def _photograph(worker_context: ClassifierContext, tutorial: Tutorial) -> Scene:
    network, classes = _torchvision(tutorial)
    network = network.to(worker_context.device).eval().requires_grad_(False)
    image, name = _image(tutorial)
    image = image.to(worker_context.device)
    with torch.no_grad():
        label = int(network(image).argmax(1))
    return Scene(
        network=network,
        image=image,
        classes=classes,
        label=label,
        target=classes.index(tutorial.target),
        attack=tutorial.attack,
        note=f"{tutorial.network} with weights {tutorial.weights}; photograph {name}; true class: its first answer.",
    )


def _torchvision(tutorial: Tutorial) -> tuple[nn.Module, list[str]]:
    """The network with its normalisation inside, and ImageNet's classes in the order of its outputs."""
    from torchvision.models import get_model, get_model_weights

    known = get_model_weights(tutorial.network).DEFAULT  # type: ignore[attr-defined]
    try:
        network = get_model(tutorial.network, weights=known if tutorial.weights == DOWNLOAD else None)
    except OSError as error:
        raise BadSetting(
            problem=f"torchvision's weights of {tutorial.network} could not be fetched: {error}",
            remedy="give the path of a local file in tutorial.weights",
        ) from error
    if tutorial.weights != DOWNLOAD:
        load_weights(network, str(tutorial.weights), tutorial.network)
    return with_normalisation(network, *IMAGENET), list(known.meta["categories"])


def _image(tutorial: Tutorial) -> tuple[Tensor, str]:
    """float32 (1, 3, 224, 224), its shorter side scaled and its middle cut out."""
    from PIL import Image, UnidentifiedImageError
    from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

    if tutorial.image is None:
        from sklearn.datasets import load_sample_image

        picture, name = Image.fromarray(np.asarray(load_sample_image("flower.jpg"))), "flower.jpg of scikit-learn"
    else:
        try:
            picture, name = Image.open(tutorial.image).convert("RGB"), Path(tutorial.image).name
        except (OSError, UnidentifiedImageError) as error:
            raise BadSetting(
                problem=f"{tutorial.image} is no picture: {error}", remedy="give a JPEG or PNG in tutorial.image"
            ) from error
    return Compose([Resize(SIDE), CenterCrop(SIDE), ToTensor()])(picture)[None], name
