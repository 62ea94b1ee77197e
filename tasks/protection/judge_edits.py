"""What protected images do to editors: one job per block of them, its product a row for each image and circumstance."""

from collections.abc import Sequence
from typing import Any

import torch

from methods.progress import OnStep
from methods.protection.inpainter import Images, Inpainter
from methods.protection.judging import Edited, Judge, Judged
from methods.protection.saving import as_bytes, from_bytes
from methods.protection.targets import TargetKind
from storage.files import Ref
from storage.pictures import as_png
from storage.protection_rows import JUDGED, publish_judged
from tasks.protection.editors import Tool, opened
from tasks.protection.photo_context import PhotoContext
from tasks.protection.protect import Block, protected_pictures
from tasks.protection.regions import Regions, Scene, scene
from tasks.protection.transforms import SAVED, Transform, name_of, sent
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage
from tasks.runtime.timings import read_timing

PICTURED = 3
"""Images of a study whose edits are kept for the galleries."""
EDIT_ALONE = ("psnr", "ssim", "ssim_incomplete", "ssim_benign", "ssim_far", "hidden")
"""Columns that are null where only the edit itself was looked at."""


@stage
def judge_edits(
    context: RunContext,
    plan: Sequence[tuple[Block, Ref, tuple[Tool, ...]]],
    judge: Judge,
    transforms: tuple[Transform, ...],
    regions: Regions,
) -> list[Ref]:
    """A table for each block of protected images: on the inpainter that they were made against, through every
    transform, and on the other editors named beside it.
    """
    items = {
        f"{block.trial.name} on {block.tool.name} from {block.samples[0]}": (
            *(block, ref, others),
            *(judge, transforms, regions),
        )
        for block, ref, others in plan
    }
    return list(map_jobs(context, "judge", judge_block, items, product="judged", suffix=".parquet").values())


def judge_block(
    photo_context: PhotoContext,
    block: Block,
    ref: Ref,
    others: Sequence[Tool],
    judge: Judge,
    transforms: Sequence[Transform],
    regions: Regions,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    # the seed of the noise changes nothing of what is judged here
    made = scene(photo_context, regions, judge.expansion, block.samples, 0)
    pictures = protected_pictures(ref)
    images = from_bytes(torch.stack([pictures[sample] for sample in block.samples])).to(photo_context.device)
    goal = block.trial.goal
    own, total = opened(block.tool, photo_context.device), 1 + len(transforms) + len(others)
    count = min(PICTURED, len(images)) if block.samples[0] == 0 else 0
    found = [(block.tool.name, SAVED, judged(judge, own, made, images, goal) | pictured(own, made, images, count))]
    on_step("judge", 1, total)
    for transform in transforms:
        arrived, clean = sent(transform, images), sent(transform, made.images)
        looked = judge.edited(own, made.images, made.masks, protected=arrived, goal=goal, clean=clean)
        found.append((block.tool.name, name_of(transform), numbers(looked)))
        on_step("judge", len(found), total)
    for other in others:
        editor = opened(other, photo_context.device)
        looked = judge.edited(editor, made.images, made.masks, protected=images, goal=goal)
        found.append((other.name, SAVED, numbers(looked)))
        on_step("judge", len(found), total)
    common = shared(photo_context, block, read_timing(ref.path)["seconds_per_image"])
    rows = [
        {**common, "editor": [editor] * len(images), "transform": [transform] * len(images), **each}
        for editor, transform, each in found
    ]
    publish_judged(target, {name: [value for row in rows for value in row[name]] for name in JUDGED.names})


def shared(photo_context: PhotoContext, block: Block, seconds: float) -> dict[str, list[Any]]:
    """Columns that are the same for every editor and transform."""
    n, labels = len(block.samples), photo_context.test.labels.tolist()
    return {
        "method": [block.trial.name] * n,
        "crafted_on": [block.tool.name] * n,
        "epsilon": [block.trial.epsilon] * n,
        "sample": list(block.samples),
        "photograph": [photo_context.splits.classes[labels[sample]] for sample in block.samples],
        "seconds": [seconds] * n,
    }


def judged(judge: Judge, editor: Inpainter, made: Scene, images: Images, goal: TargetKind) -> dict[str, list[Any]]:
    """All columns of measurements."""
    found = judge(editor, made.images, made.masks, made.far, protected=images, goal=goal)
    return numbers(found) | {name: getattr(found, name).tolist() for name in EDIT_ALONE}


def numbers(found: Edited | Judged) -> dict[str, list[Any]]:
    """The columns that every look has."""
    names = ("target_mse", "target_mse_clean", "ssim_edit", "protected")
    values = {name: getattr(found, name).tolist() for name in names}
    return {name: [None] * len(values["protected"]) for name in (*EDIT_ALONE, "edit", "edit_clean")} | values


def pictured(editor: Inpainter, made: Scene, images: Images, count: int) -> dict[str, list[bytes | None]]:
    """The edits of the first `count` images, for galleries."""
    found: dict[str, list[bytes | None]] = {}
    for name, given in (("edit", images), ("edit_clean", made.images)):
        with torch.no_grad():
            edits = editor(given[:count], made.masks[:count]) if count else given[:0]
        found[name] = [*map(as_png, as_bytes(edits)), *[None] * (len(images) - count)]
    return found
