"""Adversarial training: the honest baseline that every other defence is compared with."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods.attacks.attack import Classifier, Images, gradient
from methods.attacks.balls import BALLS, Norm
from methods.defences.supervised import Augment, Build, Schedule, Trained, Validation, train
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialTraining:
    """Madry et al., arXiv 1706.06083, equation 2.1: every step on the worst images that PGD finds, and on no others.

    epsilon: radius, in units of the norm. steps: of PGD for each batch. step_size: of one such step, as a share of ε.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["adversarial_training"] = "adversarial_training"
    norm: Norm = "linf"
    epsilon: Annotated[float, Gt(0)] = 0.1
    steps: Annotated[int, Ge(1)] = 7
    step_size: Annotated[float, Gt(0)] = 0.25
    schedule: Schedule

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.norm}"

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
        network = build(seed)

        def worst(
            network: nn.Module, x: Float[Tensor, "n c h w"], y: Int[Tensor, " n"], draw: torch.Generator
        ) -> Float[Tensor, ""]:
            network.eval()  # the images are to be worst for the classifier as it will be used
            z = self.worst(network, x, y, _seeds(x, draw))
            network.train()
            return cross_entropy(network(z), y)

        def robust_error(
            network: nn.Module, x: Float[Tensor, "n c h w"], y: Int[Tensor, " n"], draw: torch.Generator
        ) -> Float[Tensor, ""]:
            with torch.enable_grad():
                z = self.worst(network, x, y, _seeds(x, draw))
            return cross_entropy(network(z), y)

        curves = train(
            network,
            images,
            labels,
            worst,
            self.schedule,
            augment,
            seed,
            stage=self.name,
            validation=validation,
            error=robust_error,
            on_step=on_step,
        )
        return Trained(network=network.eval(), curves=curves)

    def worst(self, model: Classifier, x: Images, labels: Int[Tensor, " n"], seeds: Int[Tensor, " n"]) -> Images:
        """Where PGD ends after all its steps. The attack `Pgd` stops at the first success, which is not the worst."""
        ball = BALLS[self.norm]
        z = ball.random(seeds, 0, x, self.epsilon)
        for _ in range(self.steps):
            _, _, slope = gradient(model, z, lambda logits: -cross_entropy(logits, labels, reduction="none"))
            z = ball.project(z + self.epsilon * self.step_size * ball.steepest(slope, z), x, self.epsilon)
        return z


def _seeds(x: Images, draw: torch.Generator) -> Int[Tensor, " n"]:
    return torch.randint(2**62, (len(x),), generator=draw, device=x.device)
