"""How well the editors of a study fill holes, each beside Telea's method on the same ones."""

from collections.abc import Sequence

import numpy as np

from methods.inpainting.quality import Quality, measured
from methods.progress import OnStep
from storage.formats import publish_json, read_json
from tasks.protection.adapters.classical import Classical
from tasks.protection.editors import Tool, opened
from tasks.protection.photo_context import PhotoContext
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage


@stage
def measure_fills(
    context: RunContext, tools: Sequence[Tool], quality: Quality, samples: Sequence[int]
) -> dict[str, dict[str, float]]:
    """By name `{masked_l1, masked_ssim, telea_masked_l1, telea_masked_ssim}`: means over the holes in test squares."""
    items = {each.name: (each, quality, samples) for each in tools}
    found = map_jobs(context, "fills", measure_one, items, product="fills", suffix=".json")
    return {name: read_json(ref.path) for name, ref in found.items()}


def measure_one(
    photo_context: PhotoContext, tool: Tool, quality: Quality, samples: tuple[int, ...], *, target: str, on_step: OnStep
) -> None:
    squares = photo_context.test.images[list(samples)]
    told = {}
    for prefix, editor in (("", opened(tool, photo_context.device)), ("telea_", Classical())):
        found = measured(editor, squares, quality, "test")
        told[f"{prefix}masked_l1"] = float(np.mean(found.l1))
        told[f"{prefix}masked_ssim"] = float(np.mean(found.ssim))
    on_step("fills", 1, 1)
    publish_json(target, told)
