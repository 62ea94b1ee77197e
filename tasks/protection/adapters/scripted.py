"""An inpainter in a TorchScript file, `forward(image, mask)`, as IOPaint distributes them."""

import dataclasses
import warnings
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from methods.errors import BadData
from methods.protection.inpainter import MULTIPLE, Inpainter, Pasted
from storage.errors import MissingFile

PROBE = 64
"""Side of the images that a file is tried with."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TorchScriptFile:
    """A script of `forward(image, mask)`: (n, 3, h, w) in [0, 1] and (n, 1, h, w) to (n, 3, h, w) in [0, 1].

    It is a program, though not one in Python: open only files that you trust.
    multiple: what its images' sides must be a multiple of; others are mirrored up to the next.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    differentiable: ClassVar[bool] = True

    kind: Literal["torchscript"] = "torchscript"
    path: str
    multiple: Annotated[int, Ge(1)] = MULTIPLE

    @property
    def file(self) -> Path:
        return Path(self.path).expanduser()

    def open(self, device: torch.device) -> Inpainter:
        """Raises `MissingFile`, or `BadData` where the file is no such script."""
        path = self.file
        if not path.is_file():
            raise MissingFile(path=str(path), problem=f"there is no file {path}", remedy="give the path of a file")
        try:
            script = _Joined(_loaded(path, device))
            with torch.no_grad():
                made = script.eval()(torch.zeros(1, 4, PROBE, PROBE, device=device))
        except (RuntimeError, ValueError, TypeError) as error:
            raise BadData(
                problem=f"{path} is no TorchScript of forward(image, mask): {str(error).strip().splitlines()[-1]}",
                remedy="save one with torch.jit.trace(...).save(path); a checkpoint of LaMa is opened by kind lama",
            ) from error
        if not isinstance(made, Tensor) or made.shape != (1, 3, PROBE, PROBE):
            raise BadData(
                problem=f"{path} makes {tuple(getattr(made, 'shape', ()))} of an image of (1, 3, {PROBE}, {PROBE})",
                remedy="an inpainter's image has the shape that it was given",
            )
        return Pasted(script, multiple=self.multiple)


def _loaded(path: Path, device: torch.device) -> nn.Module:
    with warnings.catch_warnings():
        # PyTorch would have new files made by torch.export; these are as they are
        warnings.simplefilter("ignore", FutureWarning)
        script: nn.Module = torch.jit.load(path, map_location=device)
    return script


class _Joined(nn.Module):
    """Takes image and mask as one tensor, as LaMa's generator does."""

    def __init__(self, script: nn.Module) -> None:
        super().__init__()
        self.script = script

    def forward(self, seen: Tensor) -> Tensor:
        made: Tensor = self.script(seen[:, :3], seen[:, 3:])
        return made
