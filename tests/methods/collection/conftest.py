"""A tiny network, random pictures, and one phase carried out on them."""

import dataclasses

import pytest
import torch
from torch import nn

from methods.collection.loop import Record, Snapshot, run_phase
from methods.collection.strategy import Phase, Training
from methods.layout import Layout, choose
from models import CifarResNet, ConvNet, build


def pictures(n, seed=0):
    return torch.randint(0, 256, (n, 1, 8, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


IMAGES, LABELS = pictures(40), torch.arange(40) % 3
VALIDATION = (pictures(23, seed=1), torch.arange(23) % 3)


@dataclasses.dataclass
class Ran:
    """What a phase left behind."""

    network: nn.Module
    layout: Layout
    record: Record
    snapshots: list[Snapshot]


@pytest.fixture
def small_network():
    """By kind (`conv_net` or `cifar_resnet`) and seed; the latter has norms."""

    def make(kind: str = "conv_net", seed: int = 0) -> nn.Module:
        config = ConvNet(channels=(4,), hidden=8) if kind == "conv_net" else CifarResNet(width=2)
        return build(config, classes=3, shape=(1, 8, 8), mean=(0.5,), std=(0.3,), seed=seed)

    return make


@pytest.fixture
def carry_out():
    """Runs a phase of `batch_size` 8 (five steps an epoch) on 40 pictures, and returns what it left behind."""

    def run(
        network: nn.Module,
        train: tuple[str, ...] = ("linear.*",),
        *,
        rows: int = 0,
        views: int = 1,
        buffers: str = "frozen",
        seed: int = 0,
        cache_bytes: int = 2**20,
        augment=lambda images, draw: images,
        on_step=lambda stage, done, total: None,
        on_snapshot=lambda snapshot: None,
        **training,
    ) -> Ran:
        phase = Phase(
            train=train,
            training=Training(**{"epochs": 2, "learning_rate": 0.05, "batch_size": 8, **training}),
            rows=rows,
            views=views,
        )
        layout = choose(network, train, buffers=buffers)
        record, snapshots = Record(), []
        for snapshot in run_phase(
            network,
            phase,
            layout,
            images=IMAGES,
            labels=LABELS,
            validation=VALIDATION,
            augment=augment,
            seed=seed,
            cache_bytes=cache_bytes,
            record=record,
            on_step=on_step,
        ):
            on_snapshot(snapshot)
            snapshots.append(snapshot)
        return Ran(network, layout, record, snapshots)

    run.images, run.labels, run.validation = IMAGES, LABELS, VALIDATION
    return run
