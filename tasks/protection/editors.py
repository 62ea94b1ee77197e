"""The editors of a study: files and methods that are there, and inpainters that the study trains itself."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from pydantic import Field

from methods.inpainting.quality import Quality
from methods.inpainting.training import InpainterTraining
from methods.protection.inpainter import Inpainter
from models.lama import InpaintingNetwork
from models.patch_discriminator import PatchDiscriminator
from storage.files import Ref, sha256, verify_ref
from storage.photographs import Photographs
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import Editor, OwnInpainter, ReleasedLama
from tasks.protection.adapters.scripted import TorchScriptFile
from tasks.protection.train_inpainter import InpainterRecipe, train_recipes
from tasks.results.unfit import Unfit, sorted_out
from tasks.runtime.context import RunContext
from tasks.runtime.stage import stage
from tasks.runtime.worker_cache import worker_cache


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """An inpainter that the study trains on its own photographs, as `weightsmith train-inpainter` would."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    differentiable: ClassVar[bool] = True

    kind: Literal["trained"] = "trained"
    name: str
    network: Annotated[InpaintingNetwork, Field(discriminator="kind")]
    judge: PatchDiscriminator = dataclasses.field(default_factory=PatchDiscriminator)
    training: InpainterTraining
    seed: Annotated[int, Ge(0)] = 0


Wanted = Annotated[
    OwnInpainter | ReleasedLama | TorchScriptFile | Classical | Trained,
    Field(discriminator="kind"),
]
"""An editor that a study may name."""


def name_of(wanted: Wanted) -> str:
    """A trained one has a name; a file of our own is called as it is, everything else by its kind."""
    if isinstance(wanted, OwnInpainter):
        return re.sub(r"[^a-z0-9_.]+", "_", Path(wanted.path).stem.lower()).strip("_.") or wanted.kind
    return wanted.name if isinstance(wanted, Trained) else wanted.kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An editor that is there. sha256: of its file, empty where it has none."""

    name: str
    editor: Editor
    sha256: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it apart and decides its work: settings and content, not where its file lies."""
        fields = {each.name: getattr(self.editor, each.name) for each in dataclasses.fields(self.editor)}
        fields.pop("path", None)
        return self.name, type(self.editor).__name__, fields, self.sha256


def tool(name: str, editor: Editor) -> Tool:
    """Raises `MissingFile`."""
    return Tool(name=name, editor=editor, sha256="" if isinstance(editor, Classical) else sha256(editor.file))


@worker_cache(4)
def opened(tool: Tool, device: torch.device) -> Inpainter:
    """The last ones are kept: most jobs of a worker are about the same. Raises `WrongHash`, and what `open` does."""
    if not isinstance(tool.editor, Classical):
        verify_ref(Ref(path=str(tool.editor.file), sha256=tool.sha256))
    return tool.editor.open(device)


@stage
def gather(
    context: RunContext, wanted: Sequence[Wanted], data: Photographs, quality: Quality
) -> tuple[list[Tool], dict[str, Unfit]]:
    """All editors, in their order, those that are to be trained by a job each.

    Second, by name, why trained ones are unfit; they are left out of the list.
    """
    recipes = {
        each.name: InpainterRecipe(
            photographs=data,
            network=each.network,
            judge=each.judge,
            training=each.training,
            quality=quality,
            seed=each.seed,
        )
        for each in wanted
        if isinstance(each, Trained)
    }
    refs, unfit = sorted_out(train_recipes(context, recipes) if recipes else {})
    tools = [
        Tool(name=each.name, editor=OwnInpainter(path=refs[each.name].path), sha256=refs[each.name].sha256)
        if isinstance(each, Trained)
        else tool(name_of(each), each)
        for each in wanted
        if not (isinstance(each, Trained) and each.name in unfit)
    ]
    return tools, {name: dataclasses.replace(record, part=name) for name, record in unfit.items()}
