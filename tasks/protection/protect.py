"""Protecting images: one job per (method, inpainter, block of images), its product the images as PNG."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor

from methods.progress import OnStep
from methods.protection.noise_control import NoiseControl
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.saving import as_bytes
from methods.protection.targets import TargetKind
from methods.protection.training_time import TrainingTime
from storage.files import Ref
from storage.pictures import as_png, from_file_bytes
from storage.protection_rows import publish_protected, read_protected
from tasks.protection.editors import Tool, opened
from tasks.protection.photo_context import PhotoContext
from tasks.protection.regions import Regions, Scene, scene
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import new_job
from tasks.runtime.stage import stage
from tasks.runtime.timings import publish_timing
from tasks.runtime.worker import Job

USUAL = 0.025
"""The budget that methods are named without."""

Method = Annotated[RuntimeFaithful | RuntimePgd | NoiseControl | TrainingTime, Field(discriminator="kind")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A method as a study tries it. label: what tables call it in place of its kind.

    images: only the first so many, and against no variants; for long searches.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    method: Method
    label: str = ""
    images: Annotated[int, Ge(1)] | None = None

    @property
    def epsilon(self) -> float:
        """A trigger has no budget: it covers what was there."""
        return 1.0 if isinstance(self.method, TrainingTime) else self.method.epsilon

    @property
    def goal(self) -> TargetKind:
        """φ, which fills are compared with; that of a control is what the methods beside it were to reach."""
        return self.method.target if isinstance(self.method, TrainingTime) else self.method.losses.target

    @property
    def name(self) -> str:
        usual = self.epsilon == USUAL or isinstance(self.method, TrainingTime)
        return (self.label or self.method.kind) + ("" if usual else f"@{self.epsilon:.4g}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of images, a method, and the inpainter that it is made against."""

    trial: Trial
    tool: Tool
    samples: tuple[int, ...]


def blocks(trial: Trial, tool: Tool, samples: Sequence[int], size: int) -> list[Block]:
    """All samples, or the first ones where the trial is content with fewer, in blocks of at most `size`."""
    kept = samples[: trial.images]
    parts = (tuple(kept[start : start + size]) for start in range(0, len(kept), size))
    return [Block(trial=trial, tool=tool, samples=part) for part in parts]


@stage
def protect(
    context: RunContext,
    plan: Sequence[Block],
    regions: Regions,
    expansion: int,
    *,
    beside: Sequence[Job] = (),
) -> tuple[list[Ref], list[Ref]]:
    """A table of protected images for each block, and what the jobs left that ran at the same time, begun first."""
    jobs = [
        new_job(
            context.run,
            "protected",
            protect_block,
            (block.trial.method, block.tool, block.samples, regions, expansion, context.seed),
            suffix=".parquet",
            label=f"{block.trial.name} on {block.tool.name} from {block.samples[0]}",
            timed=True,
        )
        for block in plan
    ]
    found = context.pool.carry_out("protect", [*beside, *jobs])
    return found[len(beside) :], found[: len(beside)]


def protect_block(
    photo_context: PhotoContext,
    method: Method,
    tool: Tool,
    samples: Sequence[int],
    regions: Regions,
    expansion: int,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    made = scene(photo_context, regions, expansion, samples, run_seed)
    began = time.monotonic()
    images, losses, chosen = craft(method, tool, made, photo_context.device, on_step)
    publish_timing(target, {"seconds_per_image": (time.monotonic() - began) / len(samples)})
    publish_protected(
        target,
        {
            "sample": list(samples),
            "picture": [as_png(picture) for picture in images.cpu()],
            "losses": losses,
            "chosen": chosen,
        },
    )


def craft(
    method: Method, tool: Tool, made: Scene, device: torch.device, on_step: OnStep
) -> tuple[UInt8[Tensor, "n 3 h w"], list[list[float]], list[int]]:
    """8-bit images, the losses of every look at each, and the look that was taken; a trigger is put without a look."""
    if isinstance(method, TrainingTime):
        count = len(made.images)
        return as_bytes(method.put(made.images, made.masks)[0]), [[] for _ in range(count)], [0] * count
    found = method(opened(tool, device), made.images, made.masks, seeds=made.seeds, on_step=on_step)
    return as_bytes(found.images), found.losses.double().tolist(), found.chosen.tolist()


def protected_pictures(ref: Ref) -> dict[int, UInt8[Tensor, "3 h w"]]:
    """By sample, read from the files that they were saved as."""
    table = read_protected(ref.path)
    return {
        int(sample): from_file_bytes(content, name=f"sample {sample} of {ref.path}")
        for sample, content in zip(table["sample"], table["picture"], strict=True)
    }
