"""Training an invertible classifier by cross-entropy, with the signature and the loop of a defence."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods import randomness
from methods.defences.supervised import Augment, Build, Trained, train
from methods.evaluation.boundary import pixels
from methods.invertibility.initialise import initialise
from methods.invertibility.likelihood import dequantise
from methods.invertibility.schedule import AdamaxSteps
from methods.invertibility.stability import Stability
from methods.progress import OnStep, silent

Images = Float[Tensor, "n c h w"]
Labels = Int[Tensor, " n"]
FIRST = 512
"""Images that ActNorm is fitted to: more of them change no spread by much."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CrossEntropy:
    """The cross-entropy of the logits alone, which leaves the nuisance free to keep what it likes.

    floor: least spread that ActNorm divides by when it begins. noise: on training images, as of `dequantise`.
    stability: null, no penalty.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["ce"] = "ce"
    schedule: AdamaxSteps
    floor: Annotated[float, Gt(0)] = 0.05
    noise: Annotated[float, Ge(0)] = 0.0
    stability: Stability | None = None

    @property
    def name(self) -> str:
        return self.kind

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
        network = begun(build, images, seed, self.floor)

        def loss(network: nn.Module, x: Images, y: Labels, draw: torch.Generator) -> Float[Tensor, ""]:
            x = dequantise(x, draw, noise=self.noise)
            return cross_entropy(network(x), y) + unstable(self.stability, network, x, draw)

        curves = train(network, images, labels, loss, self.schedule, augment, seed, stage=self.name, on_step=on_step)
        return Trained(network=network.eval(), curves=curves)


def begun(build: Build, images: UInt8[Tensor, "n c h w"], seed: int, floor: float) -> nn.Module:
    """A network whose ActNorms were fitted to some of the images."""
    network, draw = build(seed), randomness.generator(seed, "first batch", device=images.device)
    first = torch.randperm(len(images), generator=draw, device=images.device)[:FIRST]
    initialise(network.train(), dequantise(pixels(images[first]), draw), floor=floor)
    return network


def unstable(
    stability: Stability | None, network: nn.Module, x: Images, draw: torch.Generator
) -> Float[Tensor, ""] | float:
    if stability is None:
        return 0.0
    network.eval()  # its inverse is that of the network as it will be used
    penalty = stability.weight * stability(network, x, draw)  # type: ignore[arg-type]
    network.train()
    return penalty
