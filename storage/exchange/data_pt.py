"""p-diff's first version (arXiv 2402.13144): a dict of seven entries, the whole network among them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from methods.errors import BadData
from storage.exchange.containers import read_torch
from storage.exchange.networks import names_of, parameters_of, state_of
from storage.exchange.offered import Offered, State, check_accuracies, finite, read_state, single
from storage.files import sha256

NEEDED = ("pdata", "model", "train_layer", "performance")


def read_data_pt(path: Path, largest: int) -> Offered:
    file = read_torch(path, largest=largest)
    if not isinstance(file.content, dict) or (missing := [key for key in NEEDED if key not in file.content]):
        lacking = ", ".join(missing) if isinstance(file.content, dict) else "the dict of them"
        raise BadData(problem=f"{path} lacks {lacking}", remedy=f"a data.pt of p-diff holds {', '.join(NEEDED)}")
    pdata, model, train_layer, performance = (file.content[key] for key in NEEDED)
    parameters = parameters_of(model, str(path))
    names = names_of(train_layer, list(parameters), str(path))
    shapes = {name: _shape(parameters[name], name, path) for name in names}
    size = sum(torch.Size(shape).numel() for shape in shapes.values())
    count, width = (*_shape(pdata, "pdata", path), 0, 0)[:2]
    if len(_shape(pdata, "pdata", path)) != 2 or width != size or not count:
        raise BadData(
            problem=f"pdata of {path} is {_shape(pdata, 'pdata', path)}; its train layers have {size:,} numbers",
            remedy="save pdata as a matrix of a row per model, with the train layers that it was made from",
        )

    def rows() -> Iterator[State]:
        for index, row in enumerate(single(file.tensor(pdata), "pdata", path)):
            finite(row, f"row {index} of {path}")
            yield dict(_cut(row, shapes))

    return Offered(
        source=path.name,
        sha256=sha256(path),
        shapes=shapes,
        accuracies=_percentages(performance, count, path),
        runs=("",) * count,
        rows=rows,
        base=lambda: read_state(file, state_of(model, str(path))),
    )


def _cut(row: Tensor, shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    sizes = [torch.Size(shape).numel() for shape in shapes.values()]
    for (name, shape), part in zip(shapes.items(), row.split(sizes), strict=True):
        yield name, part.reshape(shape)


def _shape(stored: Any, name: str, path: Path) -> tuple[int, ...]:
    size = getattr(stored, "size", None)
    if not isinstance(size, tuple) or not all(type(n) is int and n >= 0 for n in size):
        raise BadData(problem=f"{name} in {path} is no tensor", remedy="save it as a tensor, with torch.save")
    return size


def _percentages(values: Any, count: int, path: Path) -> tuple[float, ...]:
    numbers = list(values) if isinstance(values, list | tuple) else []
    if len(numbers) != count or not all(isinstance(each, int | float) for each in numbers):
        raise BadData(
            problem=f"performance of {path} holds {len(numbers)} percentages for {count} rows",
            remedy="save a list of plain numbers, one per row of pdata",
        )
    accuracies = tuple(each / 100 for each in numbers)
    check_accuracies(accuracies, path, "100")
    return accuracies
