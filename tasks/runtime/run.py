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

from tasks.runtime.source_digest import source_digest
from tasks.runtime.worker import ContextConfig

DECIDING_PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "safetensors",
)


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
    reads: str = ""
    """Digest of what every job reads, which is part of every product's key: see `bound`."""

    def bound(self, data: str, context_config: ContextConfig) -> "Run":
        """The same run for jobs on the images of this digest, with this configuration of their workers."""
        return dataclasses.replace(self, reads=digest([data, *context_config.reads]))

    @property
    def folder(self) -> Path:
        runs = Path(self.home) / "runs"
        return runs / self.parent / self.run_id.removeprefix(f"{self.parent}-") if self.parent else runs / self.run_id

    def product(self, stage: str, suffix: str, *decided_by: Any) -> str:
        """Path of a product of `stage`: the same for the same inputs, code and packages, another for any others.

        decided_by: what the job reads beside the images and the context_config that the run is bound to.
        """
        if not self.reads:
            raise RuntimeError("no product has a name before its images are known: call Run.bound first")
        return str(Path(self.home) / "store" / stage / (self.product_key(stage, *decided_by) + suffix))

    @property
    def key(self) -> int:
        """What of it counts where a job is given a run; salt and images are in every key anyway."""
        return self.seed

    def product_key(self, *decided_by: Any) -> str:
        return digest([self.salt, self.reads, source_digest(), package_versions(), *decided_by])[:20]


def digest(value: Any) -> str:
    """sha256 of a value made of dataclasses, containers and plain values, equal in every process."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Dataclasses as dicts with their type's name, tuples as lists.

    A dataclass with a property `key` counts by that alone. Raises `TypeError` for what has no such form, as a path.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if isinstance(getattr(type(value), "key", None), property):
            return {"type": type(value).__qualname__, "key": plain(getattr(value, "key"))}  # noqa: B009
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields}
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a {type(value).__name__} has no key: give its content")


@functools.cache
def package_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in DECIDING_PACKAGES}
