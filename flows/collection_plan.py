"""What is collected of a study's strategies, seeds and data sets, on paper."""

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from flows.studies import as_json
from flows.studies.common import Seed
from flows.studies.strategies import Strategies
from methods.collection.strategy import Strategy
from methods.errors import BadSetting
from methods.layout import Layout
from storage import datasets
from storage.datasets import Data, Splits
from tasks.classifiers.bulk_collection import Unit, set_folder
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part of a study is collected: the product of all four.

    strategies: by name, of those that the study has; all if empty. seeds, data: in place of the study's own, unless
    empty. data: sources as in `data.source`. poisoned: from clean training images, from poisoned ones, or from both.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    strategies: tuple[str, ...] = ()
    seeds: tuple[Seed, ...] = ()
    data: tuple[str, ...] = ()
    poisoned: tuple[bool, ...] = (False,)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Units whose rows have one layout, and the folder of their set."""

    layout: Layout
    folder: str
    units: tuple[Unit, ...]

    @property
    def rows(self) -> int:
        return sum(unit.context_config.strategy.planned for unit in self.units)

    @property
    def bytes(self) -> int:
        """Of the parameters alone, uncompressed."""
        return 4 * self.layout.size * self.rows


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """groups: at least one. about: what the sets say of themselves."""

    groups: tuple[Group, ...]
    about: dict[str, Any]


def plan(study: Strategies, choice: Choice, run: Run) -> Plan:
    """Loads every data set once. Raises `BadSetting` for a choice that the study has not, or that is made twice."""
    picked = chosen(study.strategies, choice.strategies)
    seeds = choice.seeds or study.seeds
    for field, values in (("seeds", seeds), ("data", choice.data), ("poisoned", choice.poisoned)):
        if len(set(values)) < len(values):
            raise BadSetting(problem=f"{field}: {list(values)} names something twice", remedy="name everything once")
    about = shared(study)
    layouts: dict[str, Layout] = {}
    units: dict[str, list[Unit]] = {}
    names: dict[str, str] = {}
    for source in choice.data or (study.data.source,):
        data = dataclasses.replace(study.data, source=source)
        splits = datasets.load(data, home=Path(run.home))
        told_apart(names, source, splits)
        for strategy in picked:
            context_config = dataclasses.replace(study.study_of(strategy).context_config, data=data)
            ClassifierContext.check_plan(context_config, splits)
            layout = ClassifierContext.layout_for(context_config, splits)
            layouts[layout.digest] = layout
            units.setdefault(layout.digest, []).extend(
                Unit(
                    context_config=context_config,
                    digest=splits.digest,
                    seed=seed,
                    poison=study.backdoor if poisoned else None,
                )
                for poisoned in choice.poisoned
                for seed in seeds
            )
    groups = tuple(
        Group(layout=layouts[key], folder=set_folder(layouts[key], about, run), units=tuple(found))
        for key, found in units.items()
    )
    return Plan(groups=groups, about=about)


def collection_run(study: Strategies, home: Path) -> Run:
    """What names the products: a collection has no folder of its own among the runs."""
    run = Run(home=str(home), run_id="collect", preset=study.preset, seed=study.seed)
    # a set may hold rows of several data sets: each unit binds the run to its own
    return run.bound("several", dataclasses.replace(study.context_config, data=Data()))


def shared(study: Strategies) -> dict[str, Any]:
    """The settings that all rows of a set have in common: all that a `Choice` does not choose."""
    told = as_json(study)
    data = {name: value for name, value in told["base"]["data"].items() if name != "source"}
    return {
        "data": data,
        "network": told["base"]["network"],
        "strategies": {each["kind"]: each for each in told["strategies"]},
        "backdoor": told["backdoor"],
    }


def told_apart(names: dict[str, str], source: str, splits: Splits) -> None:
    """Rows are told apart by the name of their data. Raises `BadSetting` where two sources have one."""
    if splits.name in names:
        raise BadSetting(
            problem=f"data: {source} and {names[splits.name]} are both called {splits.name!r}",
            remedy="give their folders different names",
        )
    names[splits.name] = source


def chosen(strategies: Sequence[Strategy], names: Sequence[str]) -> list[Strategy]:
    """In the order of the names; all where there are none."""
    known: dict[str, Strategy] = {strategy.kind: strategy for strategy in strategies}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise BadSetting(
                problem=f"there is no strategy {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                remedy="the preset has: " + ", ".join(known),
            )
    if len(set(names)) < len(names):
        raise BadSetting(problem=f"strategies: {list(names)} names something twice", remedy="name everything once")
    return [known[name] for name in names or known]
