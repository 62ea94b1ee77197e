"""Snapshots that were imported, in place of training and collecting: any study takes them as its own."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from methods.collection.strategy import Patterns, Phase
from methods.errors import BadSetting
from methods.layout import Buffers, Layout
from models import Network
from storage.datasets import Splits
from storage.files import Ref, sha256
from storage.places import child
from storage.snapshot_set import SnapshotSet

BASE, RECORD, SEED = "base.safetensors", "collected.json", 0
"""Beside the set: the whole network, and what `collect` tells of a collection. An imported network has seed 0."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The set that `weightsmith import` left at `path`; the other fields say what it holds, and must agree with it.

    keep: the parameters in a row. buffers: what becomes of the statistics of their norms. runs: how many runs the rows
    come from.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["imported"] = "imported"
    path: str
    keep: Patterns
    buffers: Buffers = "frozen"
    runs: Annotated[int, Ge(1)] = 1
    planned: ClassVar[int] = 0

    def phases(self) -> tuple[Phase, ...]:
        return ()


def described(network: Network, splits: Splits) -> dict[str, Any]:
    """What an imported network's accuracy depends on besides its numbers, as JSON values."""
    facts = {
        "data": splits.digest,
        "network": dataclasses.asdict(network),
        "normalisation": {"mean": splits.mean, "std": splits.std},
    }
    found: dict[str, Any] = json.loads(json.dumps(facts))  # a tuple becomes the list that a stored one is
    return found


def imported(
    strategy: Imported, network: Network, layout: Layout, splits: Splits, seeds: Sequence[int]
) -> tuple[Ref, Ref, Ref]:
    """The network, the set, and the record of its collection. Raises `NotCommitted`, or `BadSetting` if they differ."""
    if list(seeds) != [SEED]:
        raise BadSetting(
            problem=f"seeds = {list(seeds)}, but {strategy.path} holds one network", remedy=f"set seeds=[{SEED}]"
        )
    found = SnapshotSet.open(strategy.path)
    wanted = described(network, splits) | {"layout": layout.digest}
    held = {key: found.metadata.get(key) for key in wanted} | {"layout": found.layout.digest}
    if different := [key for key in wanted if wanted[key] != held[key]]:
        raise BadSetting(
            problem=f"{strategy.path} was imported with another {' and '.join(different)}: "
            + "; ".join(f"{key} {held[key]}, here {wanted[key]}" for key in different),
            remedy="use the command that `weightsmith import` printed at its end, or import again with these settings",
        )
    paths = [child(strategy.path, name) for name in (BASE, "entry.json", RECORD)]
    base, entry, record = (Ref(path=path, sha256=sha256(path)) for path in paths)
    return base, entry, record
