"""How well the editors of a study fill holes, each beside Telea's method on the same ones."""

from collections.abc import Sequence

import numpy as np

from methods.inpainting.quality import Quality, measured
from methods.progress import OnStep
from storage.formats import publish_json, read_json
from tasks.adapters.classical import Classical
from tasks.darkroom import Darkroom
from tasks.editors import Tool, opened
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage


@stage
def measure_fills(
    pool: Pool, tools: Sequence[Tool], quality: Quality, samples: tuple[int, ...], digest: str, run: Run
) -> dict[str, dict[str, float]]:
    """By name `{masked_l1, masked_ssim, telea_masked_l1, telea_masked_ssim}`: means over the holes in test squares."""
    jobs = [
        Job(
            work=measure_one,
            arguments=(each, quality, samples),
            target=run.product("fills", ".json", each.key, quality, samples, digest),
            label=each.name,
        )
        for each in tools
    ]
    refs = pool.carry_out("fills", jobs)
    return {each.name: read_json(ref.path) for each, ref in zip(tools, refs, strict=True)}


def measure_one(
    darkroom: Darkroom, tool: Tool, quality: Quality, samples: tuple[int, ...], *, target: str, on_step: OnStep
) -> None:
    squares = darkroom.test.images[list(samples)]
    told = {}
    for prefix, editor in (("", opened(tool, darkroom.device)), ("telea_", Classical())):
        found = measured(editor, squares, quality, "test")
        told[f"{prefix}masked_l1"] = float(np.mean(found.l1))
        told[f"{prefix}masked_ssim"] = float(np.mean(found.ssim))
    on_step("fills", 1, 1)
    publish_json(target, told)
