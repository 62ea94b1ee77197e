"""From what each strategy left to the study's part of `summary.json`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from storage.datasets import Splits
from storage.files import Ref
from tasks.generation.summarise import data_facts
from tasks.results.significance import above_chance, best, chance_of, listed, share, untrained
from tasks.results.unfit import UNFIT, clause
from tasks.runtime.stage import stage


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
        "verdict": verdict(done, failed, data_facts(splits), unfit),
        "data": data_facts(splits),
        "unfit": unfit,
    }
    return summary, {"references": references}


def verdict(
    done: Mapping[str, Mapping[str, Any]],
    failed: Mapping[str, Any],
    data: Mapping[str, Any],
    unfit: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Which strategy collects the most different rows, and whose generated parameters serve elsewhere."""
    if not done:
        return f"All {len(failed)} strategies stopped."
    collected = {name: numbers["original"]["mean"] for name, numbers in done.items()}
    chance, test = chance_of(data), data["test"]
    if not any(above_chance(mean, test, chance) for mean in collected.values()):
        nothing = untrained({"the average collected model of every strategy": max(collected.values())}, data)
        return nothing.removesuffix(".") + clause(unfit) + _stopped(failed)
    text = f"Of {len(done)} strategies "
    diversity = {name: numbers["diversity"] for name, numbers in done.items()}
    if most := best(diversity):
        verb = "collects" if len(most) == 1 else "collect"
        text += f"{listed(most)} {verb} the most different rows (diversity {diversity[most[0]]:.2f})"
    else:
        text += "none has a diversity that is a number"
    fit = {name: numbers for name, numbers in done.items() if UNFIT not in numbers["generated"]}
    for key, where in (("generated", "at home"), ("transplanted", "in another network, aligned,")):
        if fit:
            text += f"; {where} {_leaders({name: numbers[key] for name, numbers in fit.items()}, test, chance)}"
    return text + clause(unfit) + _stopped(failed)


def _stopped(failed: Mapping[str, Any]) -> str:
    return f"; {len(failed)} stopped: {', '.join(failed)}." if failed else "."


def _leaders(found: Mapping[str, Mapping[str, Any]], test: int, chance: float) -> str:
    """Whose generated parameters have the highest mean accuracy, and who is not clearly behind."""
    means = {name: each["mean"] for name, each in found.items()}
    most = best(means)
    if not most or not above_chance(means[most[0]], test, chance):
        return f"no generated parameters are better than naming one class ({share(chance)})"
    low = min(found[name]["ci95"][0] for name in most)
    near = [name for name, each in found.items() if name not in most and each["ci95"][1] >= low]
    text = f"generated parameters of {listed(most)} are best ({share(means[most[0]])})"
    return text + (f", not clearly ahead of {listed(near)}" if near else "")
