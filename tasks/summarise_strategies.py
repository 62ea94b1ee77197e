"""From what each strategy left to the study's part of `summary.json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from storage.datasets import Splits
from storage.files import Ref
from tasks.stage import stage
from tasks.summarise import data_facts
from tasks.unfit import UNFIT, record_of


@stage
def summarise_strategies(
    told: Sequence[Mapping[str, Any]], splits: Splits, files: Sequence[Ref]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`strategies` that have numbers, `failed_strategies` that stopped before, and what is `unfit`; and `details.json`.

    A strategy whose generator is unfit has all other numbers.
    """
    done: dict[str, dict[str, Any]] = {}
    failed: dict[str, dict[str, Any]] = {}
    references: dict[str, dict[str, str]] = {}
    unfit: list[dict[str, Any]] = []
    for each, ref in zip(told, files, strict=True):
        name = each["strategy"]
        references[name] = dataclasses.asdict(ref)
        numbers = {key: value for key, value in each.items() if key not in ("strategy", "references", UNFIT)}
        unfit += [record | {"part": f"{record['part']}, {name}"} for record in each.get(UNFIT, [])]
        (failed if "error" in each else done)[name] = numbers
        references |= {f"{name} {key}": value for key, value in each.get("references", {}).items()}
    summary = {
        "strategies": done,
        "failed_strategies": failed,
        "verdict": verdict(done, failed, unfit),
        "data": data_facts(splits),
        "unfit": unfit,
    }
    return summary, {"references": references}


def verdict(
    done: Mapping[str, Mapping[str, Any]], failed: Mapping[str, Any], unfit: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Which strategy collects the most different rows, and whose generated parameters serve elsewhere."""
    if not done:
        return f"All {len(failed)} strategies stopped."

    fit = {name: numbers for name, numbers in done.items() if UNFIT not in numbers["generated"]}

    def most(key: str) -> tuple[str, float]:
        values = {name: numbers[key] for name, numbers in (done if key == "diversity" else fit).items()}
        means = {name: value if isinstance(value, float) else value["mean"] for name, value in values.items()}
        best = max(means, key=lambda name: (means[name], name))
        return best, means[best]

    diverse, spread = most("diversity")
    text = f"Of {len(done)} strategies {diverse} collects the most different rows (diversity {spread:.2f})"
    if fit:
        (home, at_home), (away, elsewhere) = most("generated"), most("transplanted")
        text += (
            f"; generated parameters are best at home by {home} ({100 * at_home:.1f} %), and in another network, "
            f"aligned, by {away} ({100 * elsewhere:.1f} %)"
        )
    if unfit:
        records = [record_of(each) for each in unfit]
        text += "; unfit: " + ", ".join(f"{each.part} (seed {each.seed}: {each.reason})" for each in records)
    if failed:
        text += f"; {len(failed)} stopped: {', '.join(failed)}"
    return text + "."
