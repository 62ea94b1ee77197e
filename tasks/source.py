"""Which of the project's sources decide numbers: all but those that are named here, so that nobody has to remember."""

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("flows", "tasks", "methods", "models", "storage")
PRESENTING = (
    "flows/report/**",
    "flows/publish.py",
    "flows/progress.py",
    "flows/cli.py",
    "flows/*_command.py",
    "flows/doctor.py",
    "flows/prefect_home.py",
    "flows/nightly.py",
    "storage/tracking*.py",
    "tasks/summarise_attacks.py",
    "tasks/summarise_held_out.py",
    "tasks/summarise_invertibility.py",
    "tasks/summarise_protection.py",
    "tasks/summarise_transplants.py",
    "tasks/words.py",
    "tasks/environment.py",
)
"""What shows, sends and asks: no worker runs it, and what it computes from products is computed again in every run."""
CONFIGURING = ("flows/presets/**",)
"""Values that are in the keys themselves. Workers import them with the study that a cell of an ablation changes."""


def deciding(root: Path) -> Iterator[Path]:
    """Python files of which every change gives every product another name."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(_matches(path.relative_to(root), pattern) for pattern in (*PRESENTING, *CONFIGURING)):
                yield path


def _matches(path: Path, pattern: str) -> bool:
    if pattern.endswith("/**"):
        return path.is_relative_to(pattern.removesuffix("/**"))
    return path.match(pattern)


@functools.cache
def source_digest(root: Path = ROOT) -> str:
    """sha256 over the sources that decide results; a changed comment counts as a change."""
    hasher = hashlib.sha256()
    for path in deciding(root):
        hasher.update(str(path.relative_to(root)).encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()
