"""What a backdoored inpainter does with and without its trigger, in holes of squares that trained nothing."""

import dataclasses

import torch

from methods.inpainting.quality import Quality, holes
from methods.progress import OnStep
from methods.protection.saving import from_bytes
from methods.protection.training_time import TrainingTime
from storage.formats import publish_json, read_json
from tasks.protection.editors import Tool, opened
from tasks.protection.photo_context import PhotoContext
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage


@stage
def measure_backdoor(
    context: RunContext, clean: Tool, spoilt: Tool, backdoor: TrainingTime, quality: Quality
) -> dict[str, float]:
    """`{n, photographs, …}` with the mean over all holes of each number of `Backdoored`.

    triggered, falsely_triggered are shares then.
    """
    items = {spoilt.name: (clean, spoilt, backdoor, quality)}
    (found,) = map_jobs(context, "fills", measure_one, items, product="backdoor", suffix=".json").values()
    return read_json(found.path)


def measure_one(
    photo_context: PhotoContext,
    clean: Tool,
    spoilt: Tool,
    backdoor: TrainingTime,
    quality: Quality,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    before, after = opened(clean, photo_context.device), opened(spoilt, photo_context.device)
    squares, found = photo_context.test.images, []
    for index, square in enumerate(squares):
        masks = holes(quality, index, *square.shape[1:], "backdoor").to(photo_context.device)
        images = from_bytes(square[None]).expand(quality.each, -1, -1, -1)
        found.append(backdoor.measure(after, before, images, masks))
        on_step("backdoor", index + 1, len(squares))
    told: dict[str, float] = {"n": len(squares) * quality.each, "photographs": len(photo_context.test.labels.unique())}
    for field in dataclasses.fields(found[0]):
        told[field.name] = torch.cat([getattr(each, field.name) for each in found]).double().mean().item()
    publish_json(target, told)
