"""One run: where it lives, and how its products are named.

Products lie in HOME/store under a key made of everything that decides them, so a second run finds what a first one has
committed; nothing else remembers progress. A fresh run puts its own id into every key and so finds nothing.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DECIDING_ROOMS = ("methods", "models", "tasks")
DECIDING_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pyarrow")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """home: the folder that everything is written below. salt: empty, or the run's id where nothing may be reused."""

    home: str
    run_id: str
    preset: str
    seed: int
    salt: str = ""
    parent: str = ""
    """Run id of the nightly that this run belongs to, if any."""

    @property
    def folder(self) -> Path:
        runs = Path(self.home) / "runs"
        return runs / self.parent / self.run_id.removeprefix(f"{self.parent}-") if self.parent else runs / self.run_id

    def product(self, stage: str, suffix: str, *decided_by: Any) -> str:
        """Path of a product of `stage`: the same for the same inputs, code and packages, another for any others."""
        return str(Path(self.home) / "store" / stage / (self.key(stage, *decided_by) + suffix))

    def key(self, *decided_by: Any) -> str:
        return digest([self.salt, source_digest(), package_versions(), *decided_by])[:20]


def digest(value: Any) -> str:
    """sha256 of a value made of dataclasses, containers and plain values, equal in every process."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Dataclasses as dicts with their type's name, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields}
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@functools.cache
def source_digest() -> str:
    """sha256 over the sources that decide results; a changed comment counts as a change."""
    hasher = hashlib.sha256()
    for room in DECIDING_ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            hasher.update(str(path.relative_to(ROOT)).encode())
            hasher.update(path.read_bytes())
    return hasher.hexdigest()


@functools.cache
def package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in DECIDING_PACKAGES}
