"""From what each strategy left to the study's part of `summary.json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from storage.datasets import Splits
from storage.files import Ref
from tasks.stage import stage
from tasks.summarise import data_facts


@stage
def summarise_strategies(
    told: Sequence[Mapping[str, Any]], splits: Splits, files: Sequence[Ref]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`strategies` that have numbers, `failed_strategies` that stopped at a gate or diverged; and `details.json`."""
    done: dict[str, dict[str, Any]] = {}
    failed: dict[str, dict[str, Any]] = {}
    references: dict[str, dict[str, str]] = {}
    for each, ref in zip(told, files, strict=True):
        name = each["strategy"]
        references[name] = dataclasses.asdict(ref)
        numbers = {key: value for key, value in each.items() if key not in ("strategy", "references")}
        (failed if "error" in each else done)[name] = numbers
        references |= {f"{name} {key}": value for key, value in each.get("references", {}).items()}
    summary = {
        "strategies": done,
        "failed_strategies": failed,
        "verdict": verdict(done, failed),
        "data": data_facts(splits),
    }
    return summary, {"references": references}


def verdict(done: Mapping[str, Mapping[str, Any]], failed: Mapping[str, Any]) -> str:
    """Which strategy collects the most different rows, and whose generated parameters serve elsewhere."""
    if not done:
        return f"All {len(failed)} strategies stopped."

    def most(key: str) -> tuple[str, float]:
        values = {name: numbers[key] for name, numbers in done.items()}
        means = {name: value if isinstance(value, float) else value["mean"] for name, value in values.items()}
        best = max(means, key=lambda name: (means[name], name))
        return best, means[best]

    (diverse, spread), (home, at_home), (away, elsewhere) = most("diversity"), most("generated"), most("transplanted")
    text = (
        f"Of {len(done)} strategies {diverse} collects the most different rows (diversity {spread:.2f}); generated "
        f"parameters are best at home by {home} ({100 * at_home:.1f} %), and in another network, aligned, by {away} "
        f"({100 * elsewhere:.1f} %)"
    )
    if failed:
        text += f"; {len(failed)} stopped: {', '.join(failed)}"
    return text + "."
