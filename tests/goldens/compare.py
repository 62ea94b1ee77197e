"""Compares two folders of `tests.goldens.record`; exit status 1 where they differ."""

import json
import sys
from pathlib import Path


def compare(before: Path, after: Path) -> list[str]:
    """One line per difference."""
    found: list[str] = []
    for path in sorted(before.glob("*.json")):
        old, new = (json.loads((folder / path.name).read_text()) for folder in (before, after))
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                found.append(f"{path.stem}: {key}: {told(old.get(key), new.get(key))}")
    return found


def told(old: object, new: object) -> str:
    if isinstance(old, list) and isinstance(new, list):
        same = len({*map(str, old)} & {*map(str, new)})
        return f"{len(old)} before, {len(new)} after, {same} the same"
    return "only after" if old is None else "only before" if new is None else "differs"


if __name__ == "__main__":
    differences = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(differences) or "equal")
    sys.exit(bool(differences))
