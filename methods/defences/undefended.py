"""Plain training: no defence."""

import dataclasses
from typing import Any, ClassVar, Literal

from jaxtyping import Int, UInt8
from torch import Tensor
from torch.nn.functional import cross_entropy

from methods.defences.supervised import Augment, Build, Schedule, Trained, Validation, train
from methods.progress import OnStep, silent


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Undefended:
    """Plain training, which every defence is compared with."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["undefended"] = "undefended"
    schedule: Schedule

    @property
    def name(self) -> str:
        return self.kind

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
        curves = train(
            network,
            images,
            labels,
            lambda network, x, y, _: cross_entropy(network(x), y),
            self.schedule,
            augment,
            seed,
            stage=self.name,
            validation=validation,
            on_step=on_step,
        )
        return Trained(network=network.eval(), curves=curves)
