"""The small network of the victims, trained on the same digits with and without a defence."""

import functools

import torch
from torch import Tensor, nn

from methods.defences.adversarial_training import AdversarialTraining
from methods.defences.distillation import Distillation
from methods.defences.supervised import Schedule, Trained
from methods.defences.undefended import Undefended
from tests.methods.attacks.victims import digits

SCHEDULE = Schedule(epochs=25, learning_rate=3e-3, batch_size=60)
DEFENCES = {
    "undefended": Undefended(schedule=SCHEDULE),
    "distillation_t100": Distillation(schedule=SCHEDULE),
    "adversarial_training_linf": AdversarialTraining(schedule=SCHEDULE, steps=4, step_size=0.4),
}


def build(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)),
    )


def same(images: Tensor, _: torch.Generator) -> Tensor:
    return images


def mixed() -> tuple[Tensor, Tensor]:
    """The digits as bytes, their writers mixed."""
    images, labels = digits()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return (255 * images[order]).round().byte(), labels[order]


@functools.cache
def defended(name: str) -> Trained:
    images, labels = mixed()
    return DEFENCES[name](build, images[:1200], labels[:1200], augment=same, seed=0)


def unseen_by_all(n: int) -> tuple[Tensor, Tensor]:
    images, labels = mixed()
    return images[1200 : 1200 + n].float() / 255, labels[1200 : 1200 + n]
