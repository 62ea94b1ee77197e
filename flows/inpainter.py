"""What the command `train-inpainter` does, in which order, and with which numbers."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from flows.home import home_folder
from flows.presets.inpainting import small
from flows.report.image_protection.inpainter_sheet import sheet
from flows.studies.overrides import validated
from storage import photographs
from storage.datasets import Split, Splits
from storage.files import publish
from storage.formats import read_tensors
from storage.lock import home_lock
from tasks.protection.photo_context import PhotoContextConfig
from tasks.protection.train_inpainter import REFERENCE, InpainterRecipe, train_recipe
from tasks.runtime.context import RunContext
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Means over holes, of the reference and of what was trained; better: share of the holes where the latter is."""

    reference: float
    trained: float
    better: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    split: str
    photographs: int
    holes: int
    l1: Beside
    ssim: Beside


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    path: Path
    picture: Path
    lines: tuple[Line, ...]


def recipe_of(
    data: str, changes: Sequence[str], *, steps: int | None = None, seed: int | None = None
) -> InpainterRecipe:
    """`small` on these photographs with `path.to.field=value` changes. Raises `BadSetting`."""
    known = data == "embedded" or data.startswith(("folder:", "parquet:"))
    values: dict[str, Any] = TypeAdapter(InpainterRecipe).dump_python(small(), mode="json")
    values["photographs"]["source"] = data if known else f"folder:{data}"
    if steps is not None:
        values["training"]["steps"] = steps
    if seed is not None:
        values["seed"] = seed
    remedy = "`weightsmith train-inpainter --show` prints every field with its value"
    return validated(InpainterRecipe, values, changes, remedy)


def as_json(recipe: InpainterRecipe) -> str:
    return json.dumps(TypeAdapter(InpainterRecipe).dump_python(recipe, mode="json"), indent=2)


def train(recipe: InpainterRecipe, target: Path, home: str | None) -> Trained:
    """Writes the inpainter and its picture; what the same command trained before is found again."""
    from flows.progress import console, displayed

    place = home_folder(home)
    with home_lock(place), displayed(f"train-inpainter {recipe.photographs.source}") as display:
        with display.stage("data", 1, 0):
            album = photographs.load(recipe.photographs)
        for remark in album.remarks:
            console.print(f"  {remark}", highlight=False)
        context_config = PhotoContextConfig()
        run = Run(home=str(place), run_id="", preset="", seed=recipe.seed).bound(album.splits.digest, context_config)
        pool = InlinePool(context_config, album.splits, display)
        context = RunContext(pool=pool, run=run, splits=album.splits, context_config=context_config)
        product = train_recipe(context, recipe)
        content = Path(product.path).read_bytes()
        publish(target, lambda local: local.write_bytes(content), size=len(content))
        picture = target.with_suffix(".png")
        figure = sheet(str(target), album.splits.test.images, recipe.quality)
        publish(picture, lambda local: figure.savefig(local, format="png"))
    quality = json.loads(read_tensors(product.path)[1]["quality"])
    lines = [line(split, found, album.splits) for split, found in quality.items()]
    return Trained(path=target.absolute(), picture=picture.absolute(), lines=tuple(lines))


def line(split: str, found: dict[str, Any], splits: Splits) -> Line:
    squares: Split = getattr(splits, split)
    beside = {}
    for measure, sign in (("l1", -1), ("ssim", 1)):
        reference, trained = (np.array(found[name][measure]) for name in (REFERENCE, "trained"))
        beside[measure] = Beside(
            reference=float(reference.mean()),
            trained=float(trained.mean()),
            better=float(np.mean(sign * trained > sign * reference)),
        )
    holes = len(found[REFERENCE]["l1"])
    return Line(split=split, photographs=len(squares.labels.unique()), holes=holes, **beside)
