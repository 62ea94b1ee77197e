"""What every job needs: the images on a device, and networks built for them. Made once per worker, for many jobs."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

import models
from methods.augment import augment
from methods.backdoor.badnets import BadNets
from methods.collection.loop import Record, Snapshot, planned_steps, run_phase
from methods.collection.strategy import Phase, Strategy
from methods.errors import BadData, BadSetting
from methods.evaluation.many import predict_many, soft_vote
from methods.layout import Layout, choose
from methods.progress import OnStep
from models import Groups, Network
from storage.datasets import Data, Split, Splits
from storage.files import Ref, verify_ref
from storage.formats import read_tensors
from tasks.classifiers.imported import Imported
from tasks.runtime.resources import Resources

IN_FLIGHT = {"cpu": {"batch": 64, "rows": 256}, "gpu": {"batch": 512, "rows": 8192}}
"""Images, and models times images, that are evaluated together: what fills a core, and what fills a GPU."""
KERNEL_AXES = 4
CALIBRATION = 512
"""Training images, evenly spread, that norms are recalibrated on: more of them change no statistic by much."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContextConfig:
    """The part of a study that decides what a worker's context holds."""

    data: Data
    network: Network
    strategy: Strategy | Imported
    resources: Resources

    @property
    def reads(self) -> tuple[Any, ...]:
        """What of it any job may read, whatever its arguments; `strategy` only where rows are collected or written."""
        return self.data, self.network, self.resources

    def open(self, splits: Splits) -> "ClassifierContext":
        return ClassifierContext(self, splits)


class ClassifierContext:
    """One device's worth of a study. Raises `BadData` or `BadSetting` where the images do not suit the network."""

    def __init__(self, context_config: ContextConfig, splits: Splits) -> None:
        self.context_config, self.splits = context_config, splits
        _check_size(context_config.network, splits)
        self.device = context_config.resources.torch_device()
        self.train: Split = splits.train.to(self.device)
        self.validation: Split = splits.validation.to(self.device)
        self.test: Split = splits.test.to(self.device)
        self.augment = partial(_augment, context_config.data)

    def network(self, seed: int, base: Ref | None = None) -> nn.Module:
        """A classifier on the device: freshly initialised from `seed`, or with the state stored at `base`."""
        network = _build(self.context_config, self.splits, seed)
        if base is not None:
            verify_ref(base)
            network.load_state_dict(read_tensors(base.path)[0])
        # convolutions over channels-last tensors take a fifth less time on a CPU, and less on a GPU too
        return network.to(self.device).to(memory_format=torch.channels_last)

    @functools.cached_property
    def layout(self) -> Layout:
        return self.layout_for(self.context_config, self.splits)

    @staticmethod
    def layout_for(context_config: ContextConfig, splits: Splits) -> Layout:
        """Which numbers the rows of a study hold. Raises `BadSetting` where the strategy names unknown parameters."""
        return choose(
            _build(context_config, splits, 0), context_config.strategy.keep, buffers=context_config.strategy.buffers
        )

    @staticmethod
    def check_plan(context_config: ContextConfig, splits: Splits) -> None:
        """Raises `BadSetting` for what a collection would find out in a later phase: unknown names, too many rows."""
        _check_size(context_config.network, splits)
        network, strategy = _build(context_config, splits, 0), context_config.strategy
        patterns = {strategy.keep}
        for phase in strategy.phases():
            planned_steps(phase, phase.training, len(splits.train))
            patterns |= {phase.train} | ({phase.reinitialise.names} if phase.reinitialise else set())
        for names in patterns:
            choose(network, names)

    def carry_out(
        self,
        phase: Phase,
        network: nn.Module,
        layout: Layout,
        seed: int,
        record: Record,
        on_step: OnStep,
        *,
        images: Split | None = None,
    ) -> Iterator[Snapshot]:
        """One phase of collection on this context's training images, or on others."""
        images = images or self.train
        return run_phase(
            network,
            phase,
            layout,
            images=images.images,
            labels=images.labels,
            validation=(self.validation.images, self.validation.labels),
            augment=self.augment,
            seed=seed,
            cache_bytes=self.context_config.resources.cache_bytes,
            record=record,
            on_step=on_step,
        )

    def poisoned(self, poison: BadNets, seed: int) -> Split:
        """The training images with a backdoor's among them, which ones the seed decides."""
        found = poison.poison(self.train.images, self.train.labels, seed=seed)
        return Split(images=found.images, labels=found.labels)

    def spread(self, count: int) -> Split:
        """So many training images, evenly spread; all where there are fewer."""
        chosen = torch.linspace(0, len(self.train) - 1, min(len(self.train), count), dtype=torch.float64)
        chosen = chosen.round().long().to(self.device)
        return Split(images=self.train.images[chosen], labels=self.train.labels[chosen])

    @property
    def groups(self) -> Groups:
        """Which hidden units of the study's network can change places."""
        return models.permutation_groups(self.context_config.network, shape=self.splits.shape)

    def predictions(
        self,
        network: nn.Module,
        layout: Layout,
        rows: Float[Tensor, "n D"],
        images: UInt8[Tensor, "m c h w"],
        on_models: Callable[[int, int], None] = lambda done, models: None,
    ) -> Int[Tensor, "n m"]:
        """Predicted classes, on the CPU, of `network` with each of the rows written into it, for each image."""
        parameters = layout.restore(rows.to(self.device))
        return predict_many(network, parameters, images, on_models=on_models, **self._how(layout)).cpu()

    def vote(self, network: nn.Module, layout: Layout, rows: Float[Tensor, "n D"]) -> Int[Tensor, " m"]:
        """Class of the largest probability on each test image, averaged over the rows' models."""
        return soft_vote(network, layout.restore(rows.to(self.device)), self.test.images, **self._how(layout))

    def _how(self, layout: Layout) -> dict[str, Any]:
        how: dict[str, Any] = dict(IN_FLIGHT["cpu" if self.device.type == "cpu" else "gpu"])
        if any(len(entry.shape) == KERNEL_AXES for entry in layout.entries):
            # kernels of several models make a grouped convolution, which takes twice as long as one after the other
            how["batch"] = how["rows"]
        if layout.buffers == "recalibrate":
            how["calibration"] = self.spread(CALIBRATION).images
        return how

    def validation_hits(self, network: nn.Module, layout: Layout, rows: Float[Tensor, "n D"]) -> Bool[Tensor, "n m"]:
        """Whether `network` with each of the rows written into it is right on each validation image."""
        return self.predictions(network, layout, rows, self.validation.images) == self.splits.validation.labels

    def validation_accuracy(
        self, network: nn.Module, layout: Layout, rows: Float[Tensor, "n D"]
    ) -> Float[Tensor, " n"]:
        return self.validation_hits(network, layout, rows).double().mean(1)


def _check_size(network: Network, splits: Splits) -> None:
    _, height, width = splits.shape
    images = f"images of {splits.name} are {height}×{width}"
    smallest, patch = models.minimum_size(network), models.patch(network)
    if min(height, width) < smallest:
        raise BadData(
            problem=f"{images}, {network.kind} needs {smallest}×{smallest}",
            remedy=f"set data.size={smallest} or larger, or choose a network for small images",
        )
    if patch is not None and (height != width or height % patch):
        raise BadSetting(
            problem=f"{images}, {network} cuts squares into patches of {patch}×{patch}",
            remedy=f"set data.size={patch * max(1, round(height / patch))} or another multiple of {patch}",
        )
    if problem := models.misfit(network, classes=len(splits.classes), shape=splits.shape):
        raise BadSetting(problem=f"{images}: {problem}", remedy="choose fewer levels, or another data.size")


def _build(context_config: ContextConfig, splits: Splits, seed: int) -> nn.Module:
    return models.build(
        context_config.network,
        classes=len(splits.classes),
        shape=splits.shape,
        mean=splits.mean,
        std=splits.std,
        seed=seed,
    )


def _augment(data: Data, images: Tensor, draw: torch.Generator) -> Tensor:
    return augment(images, crop_padding=data.crop_padding, flip=data.flip, generator=draw)
