"""Snapshots as rows of an Arrow table: scalars that say whose they are, and the parameters as four byte planes.

Column `byte_p` holds byte p of every number of a row (float32, little-endian), D bytes in all. Only the last one, sign
and most of the exponent, compresses: so it is a column of its own. Fixed-size bytes are written four times as fast as
Parquet's lists, which spend two levels on every number.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain, cycle, islice

import numpy as np
import pyarrow as pa
from jaxtyping import Float, UInt8

from methods.errors import BadData

GROUP_BYTES = 128 * 2**20
"""A row group is the unit of reading: up to 128 MB of parameters, at least one row."""

PLANES = ("byte_0", "byte_1", "byte_2", "byte_3")
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
        pa.field("poisoned", pa.bool_(), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One snapshot: whose it is, when it was taken, and the numbers themselves.

    `accuracy` is measured at collection, `accuracy_reloaded` after writing the row back into a fresh network, both as
    fractions on the validation split. `poisoned`: the training images had a backdoor among them. `parameters` are the
    layout's D numbers, float32.
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
    poisoned: bool = False
    parameters: Float[np.ndarray, " d"]


def shard_schema(size: int) -> pa.Schema:
    """The columns of a shard whose rows are `size` numbers."""
    return pa.schema([*SCALARS, *(pa.field(name, pa.binary(size), nullable=False) for name in PLANES)])


def group_rows(size: int) -> int:
    """Rows in a row group, for rows of `size` numbers."""
    return max(1, GROUP_BYTES // (4 * size))


def blocks(rows: Iterable[Row], size: int, limit: int, *, kept: int) -> Iterator[pa.Table]:
    """Tables of `limit` rows of `size` numbers, the last one shorter; each is overwritten when `kept` others have come.

    Raises `BadData` where a row does not fit.
    """
    schema = shard_schema(size)
    waiting = iter(rows)
    memory = cycle([np.empty((len(PLANES), limit, size), np.uint8) for _ in range(kept)])
    for first in waiting:
        scalars: dict[str, list] = {name: [] for name in SCALARS.names}
        planes, count = next(memory), 0
        for row in islice(chain([first], waiting), limit):
            # Copied as it arrives: a producer that reuses its buffer must not change rows that are waiting here.
            for plane, part in zip(planes, split(_checked(row, size)), strict=True):
                plane[count] = part
            for name in SCALARS.names:
                scalars[name].append(getattr(row, name))
            count += 1
        columns: list[pa.Array] = [pa.array(scalars[field.name], field.type) for field in SCALARS]
        columns += [
            pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), count, [None, pa.py_buffer(plane[:count])])
            for plane in planes
        ]
        yield pa.Table.from_arrays(columns, schema=schema)


def split(numbers: Float[np.ndarray, "*n d"]) -> UInt8[np.ndarray, "planes *n d"]:
    """The four byte planes, as views: writing to them writes the numbers."""
    return np.moveaxis(numbers.view(np.uint8).reshape(*numbers.shape, len(PLANES)), -1, 0)


def _checked(row: Row, size: int) -> np.ndarray:
    if row.parameters.shape != (size,) or row.parameters.dtype != np.float32:
        raise BadData(
            problem=f"step {row.step} of run {row.run!r} has {row.parameters.dtype} parameters of shape "
            f"{row.parameters.shape}; the layout wants float32 of shape ({size},)",
            remedy="flatten the network with the layout that the set is written with",
        )
    return row.parameters
