"""A run's nested numbers as the flat names and series that MLflow stores."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# Not metrics of the run: what it ran on and with (parameters, tags, data set), and what other entries hold in full.
_LEFT_OUT = {"environment", "data", "layout", "accuracies", "chosen_index", "paired", "rotating_seed"}
_UNFIT = re.compile(r"[^/\w.\- :]")


def parameters(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"network.width": "64", …}`: nested keys joined by dots, lists as JSON."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{_UNFIT.sub('_', str(key))}"
        if isinstance(value, Mapping) and value:
            flat |= parameters(value, f"{name}.")
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return flat


def by_role(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary in which `per_seed` calls a night's rotating seed `rotating`, so that nights are one series."""
    rotating = str(summary.get("rotating_seed"))
    named = {"rotating" if seed == rotating else seed: told for seed, told in summary.get("per_seed", {}).items()}
    return {**summary, **({"per_seed": named} if named else {})}


def metrics(summary: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float, int]]:
    """`[("generated/mean/best", 0.93, 0), …]`: every finite number of a summary, intervals as two."""
    flat: list[tuple[str, float, int]] = []
    for key, value in summary.items():
        name = f"{prefix}{_UNFIT.sub('_', str(key))}"
        if key in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            flat += metrics(value, f"{name}/")
        elif key == "ci95":
            flat += [(f"{name}/{side}", float(edge), 0) for side, edge in zip(("low", "high"), value, strict=True)]
        elif isinstance(value, int | float) and math.isfinite(value):
            flat.append((name, float(value), 0))
    return flat


def curve_metrics(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, float, int]]:
    """Loss curves as series `curve/NAME/LABEL`. MLflow's steps are whole: fractions of an epoch are counted instead."""
    series = []
    for name, lines in curves.items():
        for line in lines:
            key = _UNFIT.sub("_", f"curve/{name}/{line['label']}")
            whole = all(float(x).is_integer() for x in line["x"])
            steps = [int(x) for x in line["x"]] if whole else range(len(line["x"]))
            series += [(key, float(y), s) for s, y in zip(steps, line["y"], strict=True) if math.isfinite(y)]
    return series


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Stretches of at most `size`, in order."""
    return (items[start : start + size] for start in range(0, len(items), size))
