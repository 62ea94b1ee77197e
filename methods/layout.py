"""Which numbers of a network a snapshot holds, and where each lies in the flat vector.

The order is the layout's own (entries with offsets), never that of a configuration list or of `named_parameters()` at
reading time, so flatten -> restore is bit-exact wherever the vector travels.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from methods.errors import BadSetting

Buffers = Literal["frozen", "snapshot", "recalibrate"]
"""What happens to the running statistics of the chosen norm layers.

`frozen`: every norm stays in eval mode while the chosen layers train, so statistics never move. `snapshot`: the chosen
norms run in train mode and their statistics are part of the row (variances through a logarithm). `recalibrate`: they
run in train mode and are measured anew, by forward passes over training images, after a row is written back.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tensor of the network: its state-dict name, its shape, its place in the row, and the map applied to it."""

    name: str
    shape: tuple[int, ...]
    offset: int
    transform: Literal["identity", "log"] = "identity"

    @property
    def size(self) -> int:
        return int(torch.Size(self.shape).numel())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The chosen tensors, in the order in which a row stores them."""

    entries: tuple[Entry, ...]
    buffers: Buffers

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Length of each tensor's stretch of the row; their sum is D."""
        return tuple(entry.size for entry in self.entries)

    @property
    def size(self) -> int:
        return sum(self.sizes)

    def flatten(self, state: Mapping[str, Tensor]) -> Float[Tensor, " d"]:
        """One row on the CPU, in memory of its own (a later training step cannot change it)."""
        row = torch.empty(self.size, dtype=torch.float32)
        for entry in self.entries:
            value = state[entry.name].detach().reshape(-1)
            row[entry.offset : entry.offset + entry.size] = value.log() if entry.transform == "log" else value
        return row

    def restore(self, rows: Float[Tensor, "*n d"]) -> dict[str, Tensor]:
        """The tensors of one row, or of many (then each has the leading axes of `rows`)."""
        if rows.shape[-1] != self.size:
            raise BadSetting(
                problem=f"a row of {rows.shape[-1]} numbers does not fit a layout of {self.size}",
                remedy="read the rows with the layout that was stored beside them",
            )
        tensors = {}
        for entry in self.entries:
            value = rows[..., entry.offset : entry.offset + entry.size].reshape(*rows.shape[:-1], *entry.shape)
            tensors[entry.name] = value.exp() if entry.transform == "log" else value
        return tensors

    def to_json(self) -> dict[str, Any]:
        return {"buffers": self.buffers, "entries": [dataclasses.asdict(entry) for entry in self.entries]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Layout":
        entries = (Entry(**{**entry, "shape": tuple(entry["shape"])}) for entry in stored["entries"])
        return cls(entries=tuple(entries), buffers=stored["buffers"])

    @property
    def digest(self) -> str:
        """sha256 of the layout: two rows can be compared number by number exactly when their digests agree."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def choose(network: nn.Module, patterns: Iterable[str], *, buffers: Buffers = "frozen") -> Layout:
    """The layout of the parameters whose names match any of the shell-style `patterns` (`layer4.1.bn*`, `linear.*`).

    Raises `BadSetting` if a pattern matches nothing, naming what it could have matched.
    """
    parameters = dict(network.named_parameters())
    patterns = tuple(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            raise BadSetting(
                problem=f"no parameter matches the pattern {pattern!r}",
                remedy="the network has: " + ", ".join(parameters),
            )
    chosen: dict[str, Tensor] = {
        name: value for name, value in parameters.items() if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    transforms: dict[str, Literal["identity", "log"]] = dict.fromkeys(chosen, "identity")
    if buffers == "snapshot":
        owners = {name.rpartition(".")[0] for name in chosen}
        for name, value in network.named_buffers():
            owner, _, leaf = name.rpartition(".")
            if owner in owners and leaf in ("running_mean", "running_var"):
                chosen[name] = value
                transforms[name] = "log" if leaf == "running_var" else "identity"
    entries, offset = [], 0
    for name, value in chosen.items():
        entry = Entry(name=name, shape=tuple(value.shape), offset=offset, transform=transforms[name])
        entries.append(entry)
        offset += entry.size
    return Layout(entries=tuple(entries), buffers=buffers)
