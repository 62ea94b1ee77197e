"""The smallest study that there can be: a narrow network on a few grey squares."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
import torch

from methods.collection.strategy import LastPhase, Training
from models import CifarResNet
from storage.datasets import Data, Split, Splits
from tasks.classifiers.classifier_context import ContextConfig
from tasks.runtime.resources import Resources


class Watcher:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.steps: list[tuple[str, str, int, int]] = []

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        self.stages.append((name, jobs, committed))
        yield

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        self.steps.append((stage, label, done, total))


TRAINING = Training(epochs=1, batch_size=4)


@pytest.fixture
def splits() -> Splits:
    """Images of three classes, 8×8, drawn once and for all."""
    draw = torch.Generator().manual_seed(0)

    def some(count: int) -> Split:
        images = torch.randint(256, (count, 1, 8, 8), generator=draw, dtype=torch.uint8)
        return Split(images=images, labels=torch.arange(count) % 3)

    return Splits(name="squares", classes=("a", "b", "c"), train=some(12), validation=some(9), test=some(10))


@pytest.fixture
def context_config() -> Callable[..., ContextConfig]:
    """Keyword arguments are fields of `ContextConfig` that differ."""

    def build(**fields: object) -> ContextConfig:
        usual = {
            "data": Data(),
            "network": CifarResNet(width=1),
            "strategy": LastPhase(keep=("linear.*",), first=TRAINING, then=TRAINING, rows=3),
            "resources": Resources(),
        }
        return ContextConfig(**(usual | fields))

    return build


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()
