"""The configuration of the study `transplant`."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen

from flows.configuration import OverBase, ParameterDiffusion, Seed
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Training
from tasks.transplant.align import Alignment
from tasks.transplant.backdoor_defences import Defended
from tasks.transplant.failure_modes import Mistakes
from tasks.transplant.fine_tune import FineTuning
from tasks.transplant.stitch import Stitching
from tasks.unseen.held_out import HeldOut


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transplant(OverBase):
    """Collected and generated parameters of a base study's networks, moved into other networks.

    base: whose networks are donors; `seeds` and `seed` take the place of its own. backdoor: how the backdoored
    recipient is poisoned. recipient: how it and the independent one are trained. fine_tuning: on as many clean images
    as alignment takes. stitching: how heads are mapped linearly; null: not at all. test_images: evenly spread, that
    everything is measured on; all if null.
    held_out: generation for networks that no row was collected of, measured on all test images; null: none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["transplant"] = "transplant"
    preset: str = "custom"
    base: ParameterDiffusion
    backdoor: BadNets = BadNets()
    recipient: Training
    alignment: Alignment = Alignment()
    stitching: Stitching | None = Stitching()
    fine_tuning: FineTuning
    defended: Defended = Defended()
    mistakes: Mistakes = Mistakes()
    test_images: Annotated[int, Ge(1)] | None = None
    held_out: HeldOut | None = None
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0
