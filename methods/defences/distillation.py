"""Defensive distillation: a defence that hides the gradient, kept to show what hiding looks like."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods import randomness
from methods.defences.supervised import Augment, Build, Schedule, Trained, Validation, train
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """Papernot et al., arXiv 1511.04508, section IV: a teacher at temperature T, then a student on what it says.

    The teacher learns the hard labels and the student, of the same architecture, the teacher's probabilities, both with
    their logits divided by T; the student is used at T = 1, where its logits are T times too large. Both are trained
    by the same schedule.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["distillation"] = "distillation"
    temperature: Annotated[float, Gt(0)] = 100.0
    schedule: Schedule

    @property
    def name(self) -> str:
        return f"{self.kind}_t{self.temperature:g}"

    def __call__(
        self,
        build: Build,
        images: UInt8[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        *,
        augment: Augment,
        seed: int,
        validation: Validation | None = None,
        on_step: OnStep = silent,
    ) -> Trained:
        first = self.teacher(build, images, labels, augment=augment, seed=seed, validation=validation, on_step=on_step)
        second = self.student(
            first.network, build, images, labels, augment=augment, seed=seed, validation=validation, on_step=on_step
        )
        return Trained(network=second.network, curves={**first.curves, **second.curves})

    def student(
        self,
        teacher: nn.Module,
        build: Build,
        images: UInt8[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        *,
        augment: Augment,
        seed: int,
        validation: Validation | None = None,
        on_step: OnStep = silent,
    ) -> Trained:
        """The network to be used, given a teacher in eval mode."""
        network = build(randomness.derive(seed, "student"))

        def soft(
            network: nn.Module, x: Float[Tensor, "n c h w"], _: Int[Tensor, " n"], __: torch.Generator
        ) -> Float[Tensor, ""]:
            with torch.no_grad():
                said = (teacher(x) / self.temperature).softmax(1)
            return cross_entropy(network(x) / self.temperature, said)

        curves = train(
            network,
            images,
            labels,
            soft,
            self.schedule,
            augment,
            seed,
            stage="student",
            validation=validation,
            on_step=on_step,
        )
        return Trained(network=network.eval(), curves=curves)

    def teacher(
        self,
        build: Build,
        images: UInt8[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        *,
        augment: Augment,
        seed: int,
        validation: Validation | None = None,
        on_step: OnStep = silent,
    ) -> Trained:
        """The teacher alone, which hides its gradient as well as its student does."""
        network = build(seed)

        def hard(
            network: nn.Module, x: Float[Tensor, "n c h w"], y: Int[Tensor, " n"], _: torch.Generator
        ) -> Float[Tensor, ""]:
            return cross_entropy(network(x) / self.temperature, y)

        curves = train(
            network,
            images,
            labels,
            hard,
            self.schedule,
            augment,
            seed,
            stage="teacher",
            validation=validation,
            on_step=on_step,
        )
        return Trained(network=network.eval(), curves=curves)
