"""What a collection would do: jobs, rows, bytes, and how long it may take."""

import dataclasses
from collections.abc import Iterator

from flows.collection_plan import Group, Plan
from storage.manifest import part_file
from storage.places import exists
from tasks.classifiers.bulk_collection import Unit, worker_context_of
from tasks.classifiers.collection_estimate import Timed, seconds_of
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One strategy on one data set, clean or poisoned: `collections` of one seed each, some of them `committed`.

    networks: that have to be trained before and are not shared with a line above. seconds: of one worker, for what is
    missing; as timed on this machine just now.
    """

    strategy: str
    data: str
    poisoned: bool
    numbers: int
    collections: int
    committed: int
    networks: int
    rows: int
    bytes: int
    seconds: float


def forecast(planned: Plan, run: Run) -> Iterator[Line]:
    trained: set[str] = set()
    timed: Timed = {}
    for group in planned.groups:
        kinds: dict[tuple[str, str, bool], list[Unit]] = {}
        for unit in group.units:
            kinds.setdefault((unit.kind, unit.context_config.data.source, unit.poison is not None), []).append(unit)
        for units in kinds.values():
            yield _line(group, units, trained, timed, run)


def _line(group: Group, units: list[Unit], trained: set[str], timed: Timed, run: Run) -> Line:
    first = units[0]
    left = [unit for unit in units if not exists(part_file(group.folder, unit.part))]
    files = {unit.network_file(run) for unit in left} - trained
    trained |= files
    networks = sum(not exists(file) for file in files)
    seconds = 0.0
    if left:
        opened, rest = seconds_of(worker_context_of(first.context_config, run.home, first.digest), timed)
        seconds = networks * opened + len(left) * rest
    rows = sum(unit.context_config.strategy.planned for unit in units)
    return Line(
        strategy=first.kind,
        data=first.context_config.data.source,
        poisoned=first.poison is not None,
        numbers=group.layout.size,
        collections=len(units),
        committed=len(units) - len(left),
        networks=networks,
        rows=rows,
        bytes=4 * group.layout.size * rows,
        seconds=seconds,
    )
