"""Rows of parameters that another project's file offers, and what is checked of all of them."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from methods.errors import BadData
from storage.exchange.containers import TorchFile, read_torch
from storage.exchange.networks import state_of
from storage.exchange.stand_ins import Thing
from storage.formats import read_tensors

State = dict[str, Tensor]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Rows that a file or folder offers; their numbers are read when `rows` is called.

    shapes: of the tensors in a row, by name. accuracies: the file's own, fractions, one per row; what they were
    measured on, and whether they are in the order of the rows, the file does not tell. runs: which run each row is of.
    rows: the tensors of one row after the other. base: the whole network, parameters and buffers.
    """

    source: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]
    accuracies: tuple[float, ...]
    runs: tuple[str, ...]
    rows: Callable[[], Iterator[State]]
    base: Callable[[], State]


def read_whole(path: Path, largest: int) -> State:
    """A state dict: safetensors, saved by torch as a dict, or inside a pickled network."""
    if path.suffix == ".safetensors":
        return read_tensors(path)[0]
    file = read_torch(path, largest=largest)
    return read_state(file, state_of(file.content, str(path)) if isinstance(file.content, Thing) else file.content)


def read_state(file: TorchFile, state: Any) -> State:
    if not isinstance(state, dict) or not state or not all(isinstance(name, str) for name in state):
        raise BadData(problem=f"{file.path} is no state dict", remedy="save it with torch.save(net.state_dict(), path)")
    return {name: file.tensor(value) for name, value in state.items()}


def finite(values: Tensor, what: str) -> None:
    if not torch.isfinite(values).all():
        raise BadData(problem=f"{what} holds numbers that are not finite", remedy="leave this model out")


def single(values: Tensor, name: str, path: Path) -> Tensor:
    if values.dtype != torch.float32:
        problem = f"{name} in {path} is {values.dtype}"
        raise BadData(problem=problem, remedy="save float32: rows are compared bit for bit")
    return values


def check_accuracies(accuracies: tuple[float, ...], path: Path, most: str) -> None:
    if wrong := [each for each in accuracies if not 0 <= each <= 1]:
        problem = f"{len(wrong)} accuracies of {path} do not lie between 0 and {most}"
        raise BadData(problem=problem, remedy="check the units: data.pt has percentages, file names have fractions")
