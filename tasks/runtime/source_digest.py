"""Which of the project's sources decide numbers: all but those that are named here, so that nobody has to remember."""

import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("flows", "tasks", "methods", "models", "storage")
PRESENTING = (
    "flows/cli/**",
    "flows/report/**",
    "flows/announcements.py",
    "flows/delivery.py",
    "flows/deployments.py",
    "flows/doctor.py",
    "flows/failures.py",
    "flows/nightly.py",
    "flows/nights/claims.py",
    "flows/nights/headlines.py",
    "flows/nights/nights_progress.py",
    "flows/nights/request.py",
    "flows/nights/summary.py",
    "flows/prefect_home.py",
    "flows/progress.py",
    "flows/publish.py",
    "storage/tracking/**",
    "tasks/runtime/environment.py",
)
"""Presentation, publishing and the command line: no product depends on them."""
SUMMARISING = (
    "tasks/robustness/summarise_attacks.py",
    "tasks/unseen/summarise_held_out.py",
    "tasks/invertibility/summarise_invertibility.py",
    "tasks/protection/summarise_protection.py",
    "tasks/transplant/summarise_transplants.py",
    "tasks/results/formatting.py",
)
"""What turns products into summaries, in the driver and anew in every run. Only a stored summary depends on it."""
CONFIGURING = ("flows/presets/**",)
"""Values that are in the keys themselves. Workers import them with the study that a cell of an ablation changes."""


def deciding(root: Path) -> Iterator[Path]:
    """Python files of which every change gives every product another name."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            patterns = (*PRESENTING, *SUMMARISING, *CONFIGURING)
            if not any(_matches(path.relative_to(root), pattern) for pattern in patterns):
                yield path


def _matches(path: Path, pattern: str) -> bool:
    if pattern.endswith("/**"):
        return path.is_relative_to(pattern.removesuffix("/**"))
    return path.match(pattern)


@functools.cache
def source_digest(root: Path = ROOT) -> str:
    """sha256 over the sources that decide results; a changed comment counts as a change."""
    return _sha256(root, deciding(root))


@functools.cache
def summary_digest(root: Path = ROOT) -> str:
    """As `source_digest`, with what turns products into summaries: for summaries that are stored as products."""
    summarising = (path for pattern in SUMMARISING for path in sorted(root.glob(pattern)))
    return _sha256(root, (*deciding(root), *summarising))


def _sha256(root: Path, paths: Iterable[Path]) -> str:
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(str(path.relative_to(root)).encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()
