"""What the command `protect` does, in which order, and with which numbers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from flows.progress import console, displayed
from flows.report.image_protection.protection_sheet import Shown, sheet
from methods.errors import BadSetting
from methods.protection.distortions import Distortions
from methods.protection.judging import Judge
from methods.protection.objective import Losses
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.saving import LEVELS
from tasks.protection.adapters.inpainters import DEFAULT, Editor, OwnInpainter, ReleasedLama
from tasks.protection.adapters.scripted import TorchScriptFile
from tasks.protection.editors import tool
from tasks.protection.given_image import Given, read_image
from tasks.protection.given_region import Request
from tasks.protection.protect_image import Made, Searched, protect_image
from tasks.protection.protected_files import decided_by, keep, kept
from tasks.runtime.resources import Resources
from tasks.runtime.threads import fixed_threads

MethodName = Literal["faithful", "pgd", "strong"]
Way = Literal["jpeg", "resize"]
NEWLY = "train one with `weightsmith train-inpainter`, or give LaMa's checkpoint (.ckpt) or a TorchScript (.pt, .jit)"
PLAIN_TO_SEE = 32 / 255
"""The budget above which the user is told what it looks like."""


def method_of(name: MethodName, epsilon: float, iterations: int | None, losses: Losses) -> Searched:
    """`faithful`: the published optimiser; `pgd`: sign steps; `strong`: 200 of them from two starts."""
    if not 1 / LEVELS <= epsilon <= 1:
        raise BadSetting(
            problem=f"epsilon = {epsilon:g}, of the range from black to white",
            remedy="give 8/255 or the like: from 1/255, below which an image of 8 bits cannot change, to 1",
        )
    if name == "faithful":
        return RuntimeFaithful(epsilon=epsilon, iterations=iterations or 20, losses=losses)
    if name == "pgd":
        return RuntimePgd(epsilon=epsilon, iterations=iterations or 20, losses=losses)
    return RuntimePgd(epsilon=epsilon, iterations=iterations or 200, step_size=0.25, restarts=2, losses=losses)


def losses_of(expansion: int, through: Sequence[Way]) -> Losses:
    """through: what the protection is trained to survive, besides arriving as it was saved."""
    return Losses(expansion=expansion, distortions=Distortions(kinds=tuple(through)) if through else None)


def editor_of(path: str) -> Editor:
    """An inpainter by the ending of its file; `default` comes with the project. Raises `BadSetting`."""
    if path == DEFAULT:
        return OwnInpainter()
    kinds = {".safetensors": OwnInpainter, ".ckpt": ReleasedLama, ".pt": TorchScriptFile, ".jit": TorchScriptFile}
    kind = kinds.get(Path(path).suffix.lower())
    if kind is None:
        raise BadSetting(problem=f"{path}: an inpainter ends with {', '.join(kinds)}", remedy=NEWLY)
    editor: Editor = kind(path=path)
    return editor


def protect(
    requests: Sequence[Request], editor: Editor, method: Searched, judge: Judge, *, seed: int
) -> tuple[list[dict[str, Any]], set[str]]:
    """What the JSON file of each image says, and which of them were found: made before, by what decides it now.

    All images are read and checked before the first one is protected.
    """
    resources, used = Resources(), tool("inpainter", editor)
    device = resources.torch_device()

    def decided(given: Given) -> dict[str, Any]:
        return decided_by(given, used, method, judge, seed, resources.threads)

    if method.epsilon > PLAIN_TO_SEE:
        share = f"{method.epsilon:.3g}, {LEVELS * method.epsilon:.0f} of {LEVELS} levels"
        console.print(f"  ε = {share}: this noise is plain to see; 0.025 is usual", highlight=False)
    with displayed(f"protect {method.kind}") as display, fixed_threads(resources.threads):
        told: dict[Path, dict[str, Any]] = {}
        for request in requests:
            given = read_image(request, judge.expansion)
            if (before := kept(request.target, decided(given))) is not None:
                told[request.target] = before
        found, missing = set(told), [request for request in requests if request.target not in told]
        with display.stage("protect", len(requests), len(found)):
            inpainter = editor.open(device) if missing else None
            for request in missing:
                given, name = read_image(request, judge.expansion), request.path.name
                for remark in given.remarks:
                    console.print(f"  {remark}", highlight=False)

                def step(_: str, done: int, total: int, name: str = name) -> None:
                    display("protect", name, done, total)

                assert inpainter is not None
                made = protect_image(given, inpainter, method, judge, seed=seed, device=device, on_step=step)
                figure = sheet([shown(made)])
                draw = partial(figure.savefig, format="png")
                told[request.target] = keep(request.target, made, decided(given), draw)
    return [told[request.target] for request in requests], {target.name for target in found}


def shown(made: Made) -> Shown:
    """The window that was worked on."""

    def seen(picture: Tensor) -> np.ndarray:
        return picture.permute(1, 2, 0).cpu().clamp(0, 1).double().numpy()

    given = made.given
    return Shown(
        label="",
        original=seen(given.cut(given.picture) / 255),
        mask=given.cut(given.mask)[0].double().numpy(),
        protected=seen(given.cut(made.picture) / 255),
        edit_clean=seen(made.edit_clean[0]),
        edit=seen(made.edit[0]),
        note=f"SSIM {made.told['protected']['ssim_edit']:.3f}",
    )
