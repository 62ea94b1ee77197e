"""Snapshots as rows of an Arrow table: scalars that say whose they are, and the parameters as one list of numbers."""

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from methods.errors import BadData

GROUP_BYTES = 128 * 2**20
"""A row group is the unit of reading: up to 128 MB of parameters, at least one row."""

TEXTS = ("run", "strategy", "data")
SCALARS = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in TEXTS]
    + [
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("epoch", pa.float64(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("lr", pa.float64(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),
        pa.field("accuracy_reloaded", pa.float64(), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One snapshot: whose it is, when it was taken, and the numbers themselves.

    `accuracy` is measured at collection, `accuracy_reloaded` after writing the row back into a fresh network, both as
    fractions on the validation split. `parameters` are the layout's D numbers, float32.
    """

    run: str
    strategy: str
    data: str
    seed: int
    epoch: float
    step: int
    lr: float
    accuracy: float
    accuracy_reloaded: float
    parameters: Float[np.ndarray, "d"]


def shard_schema(size: int) -> pa.Schema:
    """The columns of a shard whose rows are `size` numbers."""
    numbers = pa.list_(pa.field("element", pa.float32(), nullable=False), size)
    return SCALARS.append(pa.field("parameters", numbers, nullable=False))


def group_rows(size: int) -> int:
    """Rows in a row group, for rows of `size` numbers."""
    return max(1, GROUP_BYTES // (4 * size))


def blocks(rows: Iterable[Row], size: int, limit: int) -> Iterator[pa.Table]:
    """Tables of `limit` rows of `size` numbers, the last one shorter. Raises `BadData` where a row does not fit."""
    schema = shard_schema(size)
    waiting = iter(rows)
    for first in waiting:
        scalars: dict[str, list] = {name: [] for name in SCALARS.names}
        block, count = np.empty((limit, size), np.float32), 0
        for row in islice(chain([first], waiting), limit):
            # Copied as it arrives: a producer that reuses its buffer must not change rows that are waiting here.
            block[count] = _checked(row, size)
            for name in SCALARS.names:
                scalars[name].append(getattr(row, name))
            count += 1
        columns: list[pa.Array] = [pa.array(scalars[field.name], field.type) for field in SCALARS]
        columns.append(
            pa.FixedSizeListArray.from_arrays(pa.array(block[:count].reshape(-1)), type=schema.field("parameters").type)
        )
        yield pa.Table.from_arrays(columns, schema=schema)


def _checked(row: Row, size: int) -> np.ndarray:
    if row.parameters.shape != (size,) or row.parameters.dtype != np.float32:
        raise BadData(
            problem=f"step {row.step} of run {row.run!r} has {row.parameters.dtype} parameters of shape "
            f"{row.parameters.shape}; the layout wants float32 of shape ({size},)",
            remedy="flatten the network with the layout that the set is written with",
        )
    return row.parameters
