"""What the command `protect` does, in which order, and with which numbers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from flows.progress import console, displayed
from methods.errors import BadSetting
from methods.protection.judging import Judge
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from storage.files import publish
from storage.formats import publish_json
from storage.photographs.loading import ENDINGS
from tasks.adapters.inpainters import Editor, OwnInpainter, ReleasedLama
from tasks.adapters.scripted import TorchScriptFile
from tasks.editors import tool
from tasks.protect_image import Box, Given, Saved, protect_image, read_image
from tasks.report.protection_sheet import Shown, sheet
from tasks.resources import Resources
from tasks.run import plain

MethodName = Literal["faithful", "pgd", "strong"]
NEWLY = "train one with `weightsmith train-inpainter`, or give LaMa's checkpoint (.ckpt) or a TorchScript (.pt, .jit)"


def method_of(name: MethodName, epsilon: float, iterations: int | None) -> RuntimePgd | RuntimeFaithful:
    """`faithful`: the published optimiser; `pgd`: sign steps; `strong`: 200 of them from two starts."""
    if not 0 < epsilon <= 1:
        raise BadSetting(problem=f"epsilon = {epsilon:g}", remedy="give a number above 0 and up to 1, or as 8/255")
    if name == "faithful":
        return RuntimeFaithful(epsilon=epsilon, iterations=iterations or 20)
    if name == "pgd":
        return RuntimePgd(epsilon=epsilon, iterations=iterations or 20)
    return RuntimePgd(epsilon=epsilon, iterations=iterations or 200, step_size=0.25, restarts=2)


def editor_of(path: str | None) -> Editor:
    """An inpainter by the ending of its file. Raises `BadSetting`."""
    if path is None:
        raise BadSetting(problem="no inpainter was given to protect against", remedy=f"give --inpainter FILE; {NEWLY}")
    kinds = {".safetensors": OwnInpainter, ".ckpt": ReleasedLama, ".pt": TorchScriptFile, ".jit": TorchScriptFile}
    kind = kinds.get(Path(path).suffix.lower())
    if kind is None:
        raise BadSetting(problem=f"{path}: an inpainter ends with {', '.join(kinds)}", remedy=NEWLY)
    editor: Editor = kind(path=path)
    return editor


def planned(image: Path, mask: Path | None, box: Box | None, target: Path, expansion: int) -> list[tuple[Given, Path]]:
    """Every image with the PNG that it becomes; all are read and checked before the first one is protected."""
    if not image.is_dir():
        if target.suffix.lower() != ".png":
            raise BadSetting(problem=f"{target} is no PNG", remedy="give a file without loss: -o NAME.png")
        return [(read_image(image, mask, box, expansion), target)]
    paths = sorted(path for path in image.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise BadSetting(problem=f"there are no PNG or JPEG files in {image}", remedy="check the path")
    names = [path.stem for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadSetting(problem=f"{image} has two files called {twice}", remedy="rename one: both would be one PNG")
    return [
        (read_image(path, None if mask is None else mask_of(mask, path), box, expansion), target / f"{path.stem}.png")
        for path in paths
    ]


def mask_of(masks: Path, image: Path) -> Path:
    """In a folder of masks the one of the image's name; a file is the mask of all images."""
    if not masks.is_dir():
        return masks
    found = [masks / f"{image.stem}{ending}" for ending in (image.suffix, *ENDINGS)]
    return next((path for path in found if path.is_file()), found[0])


def protect(
    plan: Sequence[tuple[Given, Path]],
    editor: Editor,
    method: RuntimePgd | RuntimeFaithful,
    judge: Judge,
    *,
    seed: int,
) -> list[dict[str, Any]]:
    """Per image a PNG, a JSON file with every number, and a contact sheet (.sheet.png); what the JSON files say."""
    device = Resources().torch_device()
    inpainter, used = editor.open(device), tool("inpainter", editor)
    found = []
    with displayed(f"protect {method.kind}") as display, display.stage("protect", len(plan), 0):
        for given, target in plan:
            for remark in given.remarks:
                console.print(f"  {remark}", highlight=False)

            def step(_: str, done: int, total: int, name: str = given.path.name) -> None:
                display("protect", name, done, total)

            saved = protect_image(given, inpainter, method, judge, target, seed=seed, device=device, on_step=step)
            settings = {"method": plain(method), "judge": plain(judge), "seed": seed}
            told = saved.told | {"output": target.name, "inpainter": plain(used.key), **settings}
            publish_json(target.with_suffix(".json"), told)
            figure = sheet([shown(saved)])
            publish(target.with_suffix(".sheet.png"), partial(figure.savefig, format="png"))
            found.append(told)
    return found


def shown(saved: Saved) -> Shown:
    def seen(picture: torch.Tensor) -> np.ndarray:
        return picture.permute(1, 2, 0).cpu().clamp(0, 1).double().numpy()

    return Shown(
        label="",
        original=seen(saved.given.picture / 255),
        mask=saved.given.mask[0].double().numpy(),
        protected=seen(saved.picture / 255),
        edit_clean=seen(saved.edit_clean[0]),
        edit=seen(saved.edit[0]),
        note=f"SSIM {saved.told['protected']['ssim_edit']:.3f}",
    )
