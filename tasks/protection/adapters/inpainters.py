"""LaMa as a file: the released checkpoint, and the project's own safetensors."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor, nn

from methods.errors import BadData
from methods.protection.inpainter import Inpainter, Pasted
from models.lama import InpaintingNetwork, Lama
from storage.exchange.lama import read_lama
from storage.formats import read_tensors
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.scripted import TorchScriptFile

CONFIG = "network"
"""Of the metadata: the configuration of the network, as JSON."""
DEFAULT = "default"
"""Stands for the inpainter that comes with the project; docs/inpainter.md says how it was trained and what it reaches.

Its file lies beside this module, on every machine of a cluster; a path would be true on one only."""
SHIPPED = Path(__file__).with_name("inpainter.safetensors")
NETWORK: TypeAdapter[InpaintingNetwork] = TypeAdapter(Annotated[InpaintingNetwork, Field(discriminator="kind")])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedLama:
    """A checkpoint of LaMa's public code; `network` is big-lama's unless said otherwise."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    differentiable: ClassVar[bool] = True

    kind: Literal["lama"] = "lama"
    path: str
    network: Lama = dataclasses.field(default_factory=Lama)

    @property
    def file(self) -> Path:
        return Path(self.path).expanduser()

    def open(self, device: torch.device) -> Inpainter:
        """Raises what `read_lama` does, and `BadData` where the tensors are not those of `network`."""
        return _inpainter(self.network, read_lama(self.file), str(self.file), device)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OwnInpainter:
    """What `weightsmith train-inpainter` wrote. path: of the file, or `default`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    differentiable: ClassVar[bool] = True

    kind: Literal["own"] = "own"
    path: str = DEFAULT

    @property
    def file(self) -> Path:
        return SHIPPED if self.path == DEFAULT else Path(self.path).expanduser()

    def open(self, device: torch.device) -> Inpainter:
        """Raises `MissingFile`, `TornFile`, or `BadData` for a file without a configuration that suits it."""
        network, state = self.read()
        return _inpainter(network, state, self.path, device)

    def read(self) -> tuple[InpaintingNetwork, dict[str, Tensor]]:
        """The configuration and the state; raises as above, but for a state that does not suit."""
        state, metadata = read_tensors(self.file)
        try:
            return NETWORK.validate_json(metadata.get(CONFIG, "")), state
        except ValidationError as error:
            raise BadData(
                problem=f"{self.file} does not say which network its tensors belong to",
                remedy="give a file that `weightsmith train-inpainter` wrote",
            ) from error


Editor = OwnInpainter | ReleasedLama | TorchScriptFile | Classical
"""Each is opened on a device and is an `Inpainter` then; those that are `differentiable` let gradients through."""


def _inpainter(network: InpaintingNetwork, state: dict[str, Tensor], path: str, device: torch.device) -> Inpainter:
    # a search for a protection takes five sixths of the time, on one core
    module = built(network, state, path).to(device).to(memory_format=torch.channels_last)
    return Pasted(module, multiple=network.multiple)


def built(network: InpaintingNetwork, state: dict[str, Tensor], path: str) -> nn.Module:
    """The generator with this state. Raises `BadData` unless names and shapes are exactly its own, and all finite."""
    with torch.device("meta"):
        module = network.module()
    try:
        module.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        lines = " ".join(map(str.strip, str(error).splitlines()[1:3]))
        raise BadData(
            problem=f"{path} does not fit {network}: {lines:.300}",
            remedy="name the network that it was trained as, width, blocks and share of global channels",
        ) from error
    if wrong := [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise BadData(problem=f"{wrong[0]} of {path} is not finite", remedy="give an inpainter that works")
    return module
