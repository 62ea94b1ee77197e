"""What went wrong when parameters were generated and transplanted in public: each mistake made alone, on purpose."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Interval
from torch import nn

from methods import randomness
from methods.evaluation.boundary import pixels
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref, verify_ref
from storage.formats import publish_tensors, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.robustness.attack import chosen_samples
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.transplant.align import Weights
from tasks.transplant.transplant import part

NORMALISATION, SCRAMBLED, DRIFTING, TRAINING_IMAGES = MISTAKES = (
    "normalisation_mismatch",
    "scrambled_rows",
    "drifting_buffers",
    "training_images",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """mean, std: what images are normalised with at test, in place of what the network was trained with.

    drift_steps, drift_batch: how long frozen layers stay in train mode, in steps of so many augmented images, so that
    the running statistics of their norms go on moving.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    mean: Annotated[float, Interval(ge=0, le=1)] = 0.5
    std: Annotated[float, Gt(0)] = 0.5
    drift_steps: Annotated[int, Ge(1)] = 200
    drift_batch: Annotated[int, Ge(2)] = 32


@stage
def make_mistakes(
    context: RunContext,
    donors: Sequence[tuple[Weights, Ref]],
    layout: Layout,
    mistakes: Mistakes,
    images: int | None,
) -> dict[str, list[Ref]]:
    """By mistake and for each donor with its generated rows, the accuracy of every row in the donor itself."""
    test = len(context.splits.test)
    samples = chosen_samples(test, images or test)
    items = {
        (name, donor): (name, donor, rows, layout, mistakes, samples) for name in MISTAKES for donor, rows in donors
    }

    def label(item: tuple[str, Weights]) -> str:
        return f"{item[0]} {item[1].seed}"

    made = map_jobs(context, "mistakes", make_mistake, items, product="mistakes", suffix=".safetensors", label=label)
    return {name: [made[name, donor] for donor, _ in donors] for name in MISTAKES}


def make_mistake(
    worker_context: ClassifierContext,
    name: str,
    donor: Weights,
    rows: Ref,
    layout: Layout,
    mistakes: Mistakes,
    samples: Sequence[int],
    *,
    target: str,
    on_step: OnStep,
) -> None:
    verify_ref(rows)
    network = worker_context.network(donor.seed, donor.base).eval()
    images = worker_context.spread(len(samples)) if name == TRAINING_IMAGES else part(worker_context.test, samples)
    if name == NORMALISATION:
        normalise(network, mistakes.mean, mistakes.std)
    elif name == DRIFTING:
        drift(worker_context, network, mistakes, donor.seed)
    elif name == SCRAMBLED:
        layout = scrambled(layout)
    written, _ = read_tensors(rows.path)
    predicted = worker_context.predictions(
        network, layout, written["rows"], images.images, lambda done, models: on_step("models", done, models)
    )
    publish_tensors(target, {"accuracy": (predicted == images.labels.cpu()).double().mean(1)}, {})


def normalise(network: nn.Module, mean: float, std: float) -> None:
    """Makes the network normalise its images otherwise than it was trained with."""
    normalize = network.get_submodule("normalize")
    for name, value in (("mean", mean), ("std", std)):
        normalize.get_buffer(name).fill_(value)


@torch.no_grad()
def drift(worker_context: ClassifierContext, network: nn.Module, mistakes: Mistakes, seed: int) -> None:
    """No parameter moves, but the running statistics of all norms do, as those of frozen layers in train mode."""
    draw = randomness.generator(seed, "drift", device=worker_context.device)
    images = worker_context.train.images
    network.train()
    with randomness.global_draws(seed, "drift", device=worker_context.device):  # of dropout
        for _ in range(mistakes.drift_steps):
            batch = torch.randint(len(images), (mistakes.drift_batch,), generator=draw, device=images.device)
            network(pixels(worker_context.augment(images[batch], draw)))
    network.eval()


def scrambled(layout: Layout) -> Layout:
    """The same tensors looked for in the order of their names, and not in that in which rows hold them."""
    entries, offset = [], 0
    for entry in sorted(layout.entries, key=lambda entry: entry.name):
        entries.append(dataclasses.replace(entry, offset=offset))
        offset += entry.size
    return dataclasses.replace(layout, entries=tuple(entries))
