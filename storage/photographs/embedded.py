"""Photographs inside of the wheels of scikit-image and scikit-learn; `docs/inpainter.md` names sources and licences."""

import importlib.util
from pathlib import Path
from typing import Literal

from methods.errors import BadData
from storage.photographs.encoded import Encoded, from_file

Split = Literal["train", "validation", "test"]

PACKAGES = {"skimage": "data", "sklearn": "datasets/images"}
PHOTOGRAPHS: dict[str, tuple[str, Split]] = {
    "astronaut.png": ("skimage", "train"),
    "brick.png": ("skimage", "train"),
    "camera.png": ("skimage", "validation"),
    "chelsea.png": ("skimage", "validation"),
    "china.jpg": ("sklearn", "test"),
    "clock_motion.png": ("skimage", "train"),
    "coffee.png": ("skimage", "train"),
    "coins.png": ("skimage", "train"),
    "flower.jpg": ("sklearn", "test"),
    "grass.png": ("skimage", "train"),
    "gravel.png": ("skimage", "train"),
    "hubble_deep_field.jpg": ("skimage", "train"),
    "retina.jpg": ("skimage", "train"),
    "rocket.jpg": ("skimage", "train"),
}
"""Package and split. No seed moves them: those of `train` are all in the public domain."""


def embedded() -> dict[str, list[Encoded]]:
    """The photographs of each split. Raises `BadData` where a package does not bring one."""
    found: dict[str, list[Encoded]] = {"train": [], "validation": [], "test": []}
    for name, (package, split) in PHOTOGRAPHS.items():
        path = _folder(package) / name
        if not path.is_file():
            raise BadData(
                problem=f"{package} is installed without its photograph {name}",
                remedy="install scikit-image and scikit-learn from their wheels (`make setup`)",
            )
        found[split].append(from_file(path))
    return found


def _folder(package: str) -> Path:
    # found without importing it, which would take longer than reading the photographs
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) / PACKAGES[package] if places else Path(package)
