"""Training an inpainter on photographs: one job, its product a safetensors file with all that decided it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import Field, TypeAdapter

from methods.errors import Diverged
from methods.inpainting.quality import Quality, measured
from methods.inpainting.training import InpainterTraining, train_inpainter
from methods.progress import OnStep
from methods.protection.inpainter import Inpainter, Pasted
from methods.randomness import derive
from models.lama import InpaintingNetwork, build_inpainter
from models.patch_discriminator import PatchDiscriminator, build_discriminator
from storage.files import Ref
from storage.formats import publish_tensors
from storage.photographs import Photographs
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import CONFIG, NETWORK
from tasks.protection.photo_context import PhotoContext
from tasks.results.unfit import SHORTFALLS, publish_unfit, shortfall, unfit_of
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

INPAINTER = "inpainter"
REFERENCE = "telea"
"""The editor that a trained one is measured against."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InpainterRecipe:
    """Everything that decides an inpainter. quality: the masks that it is measured with, as many per square."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    photographs: Photographs = dataclasses.field(default_factory=Photographs)
    network: Annotated[InpaintingNetwork, Field(discriminator="kind")]
    judge: PatchDiscriminator = dataclasses.field(default_factory=PatchDiscriminator)
    training: InpainterTraining
    quality: Quality = dataclasses.field(default_factory=Quality)
    seed: Annotated[int, Ge(0)] = 0


def train_recipes(context: RunContext, recipes: Mapping[str, InpainterRecipe]) -> dict[str, Ref]:
    """By name the trained generators, or records for `unfit_of`."""
    items = {name: (recipe,) for name, recipe in recipes.items()}
    return map_jobs(context, "train", train_one, items, product="inpainter", suffix=".safetensors")


@stage
def train_recipe(context: RunContext, recipe: InpainterRecipe) -> Ref:
    """The trained generator. Raises `Diverged`."""
    name = f"inpainter, seed {recipe.seed}"
    made = train_recipes(context, {name: recipe})[name]
    if record := unfit_of(made):
        raise Diverged(problem=record.problem, remedy=record.remedy, step=0)
    return made


def train_one(photo_context: PhotoContext, recipe: InpainterRecipe, *, target: str, on_step: OnStep) -> None:
    """Trains, and measures on validation and test beside Telea; the metadata tell both.

    Of a training that diverges, the product is a record for `unfit_of`.
    """
    network = build_inpainter(recipe.network, seed=derive(recipe.seed, "inpainter")).to(photo_context.device)
    judge = build_discriminator(recipe.judge, seed=derive(recipe.seed, "judge")).to(photo_context.device)
    images = photo_context.train.images
    try:
        curve = train_inpainter(network, judge, images, recipe.training, seed=recipe.seed, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, INPAINTER, recipe.seed))
        return
    editors: dict[str, Inpainter] = {
        "trained": Pasted(network, multiple=recipe.network.multiple),
        REFERENCE: Classical(),
    }
    quality = {
        split: {
            name: dataclasses.asdict(measured(editor, squares, recipe.quality, split))
            for name, editor in editors.items()
        }
        for split, squares in (("validation", photo_context.validation.images), ("test", photo_context.test.images))
    }
    metadata = {
        CONFIG: NETWORK.dump_json(recipe.network).decode(),
        "recipe": TypeAdapter(InpainterRecipe).dump_json(recipe).decode(),
        "photographs": json.dumps(photo_context.splits.classes),
        "quality": json.dumps(quality),
        "curve": json.dumps(dataclasses.asdict(curve)),
    }
    publish_tensors(target, network.state_dict(), metadata)
