"""Training an invertible classifier so that the class is in its logits and nowhere else.

With the signature and the loop of a defence.
"""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, MinLen
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods import randomness
from methods.defences.supervised import Augment, BatchLoss, Build, Trained, train
from methods.invertibility.adversary import Adversary, Variant
from methods.invertibility.cross_entropy import Images, Labels, begun, unstable
from methods.invertibility.likelihood import FactorisedNormal, Over, bits_per_dimension, dequantise
from methods.invertibility.neighbours import Neighbours
from methods.invertibility.schedule import AdamaxSteps
from methods.invertibility.stability import Stability
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IndependenceCrossEntropy:
    """Jacobsen et al., arXiv 1811.00401, definition 5: the logits shall have the class, and the nuisance shall not.

    min_θ max_θnc −log softmax(z_s)_y + w·log D(z_n)_y − w'·log p(x), the last as bits per dimension.

    nuisance_weight: w. variant: of the second term. margin: in nats, how far beyond chance `max_ce_true` goes on.
    adversary: hidden units of D; adversary_steps: of D for each of the network's, on the same batch.
    likelihood_weight: w'. likelihood_over: what has a density. neighbours: a second adversary, without parameters;
    null: none, as published. noise: on training images, as of `dequantise`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["ice"] = "ice"
    schedule: AdamaxSteps
    nuisance_weight: Annotated[float, Ge(0)] = 1.0
    variant: Variant = "max_ce_true"
    margin: Annotated[float, Ge(0)] = 0.5
    adversary: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (512, 512)
    adversary_steps: Annotated[int, Ge(1)] = 5
    adversary_learning_rate: Annotated[float, Gt(0)] = 1e-3
    likelihood_weight: Annotated[float, Ge(0)] = 1.0
    likelihood_over: Over = "all"
    neighbours: Neighbours | None = None
    floor: Annotated[float, Gt(0)] = 0.05
    noise: Annotated[float, Ge(0)] = 0.0
    stability: Stability | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.variant}"

    def __call__(
        self,
        build: Build,
        images: UInt8[Tensor, "n c h w"],
        labels: Labels,
        *,
        augment: Augment,
        seed: int,
        on_step: OnStep = silent,
    ) -> Trained:
        """Raises `Diverged`; `BadData` where images make a constant channel."""
        network: Any = begun(build, images, seed, self.floor)
        length = images[0].numel()
        prior = FactorisedNormal(length if self.likelihood_over == "all" else length - network.classes)
        both = nn.ModuleDict({"network": network, "prior": prior.to(images.device)})
        with randomness.global_draws(seed, "adversary", device=images.device):
            adversary = Adversary(
                length - network.classes,
                network.classes,
                hidden=self.adversary,
                learning_rate=self.adversary_learning_rate,
                device=images.device,
            )
        loss = self.loss(adversary)
        curves = train(both, images, labels, loss, self.schedule, augment, seed, stage=self.name, on_step=on_step)
        return Trained(network=network.eval(), curves=curves)

    def loss(self, adversary: Adversary) -> BatchLoss:
        """Of the network and its prior, called by these names; `adversary` learns whenever it is called."""

        def loss(both: nn.Module, x: Images, y: Labels, draw: torch.Generator) -> Float[Tensor, ""]:
            network: Any = both.get_submodule("network")
            x = dequantise(x, draw, noise=self.noise)
            z, log_det = network.encode(x)
            nuisance = z[:, network.classes :]
            dense = z if self.likelihood_over == "all" else nuisance
            bits = bits_per_dimension(both.get_submodule("prior")(dense), log_det, z.shape[1]).mean()
            return (
                cross_entropy(z[:, : network.classes], y)
                + self._read(adversary, nuisance, y, draw)
                + self._told(nuisance, y, network.classes)
                + self.likelihood_weight * bits
                + unstable(self.stability, network, x, draw)
            )

        return loss

    def _read(
        self, adversary: Adversary, nuisance: Float[Tensor, "n d"], labels: Labels, draw: torch.Generator
    ) -> Float[Tensor, ""] | float:
        if not self.nuisance_weight:
            return 0.0
        adversary.learn(nuisance, labels, steps=self.adversary_steps)
        hidden = adversary.penalty(nuisance, labels, variant=self.variant, margin=self.margin, draw=draw)
        return self.nuisance_weight * hidden

    def _told(self, nuisance: Float[Tensor, "n d"], labels: Labels, classes: int) -> Float[Tensor, ""] | float:
        if self.neighbours is None:
            return 0.0
        return self.neighbours.weight * self.neighbours(nuisance, labels, classes=classes)
