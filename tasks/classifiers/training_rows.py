"""The snapshots of one network as a matrix, in memory or mapped from disk, and cut into train and held-out rows."""

import dataclasses

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float

from methods.columns import columns
from methods.errors import BadSetting
from methods.generation.generator import Rows
from methods.generation.holdout import HoldOut, hold_out
from storage.files import Ref
from storage.snapshot_set import SnapshotSet
from tasks.runtime.worker_cache import worker_cache

IN_MEMORY = 512 * 2**20
"""Bytes; rows that take more are mapped from a file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What generators are fitted on: a snapshot set, all its train rows or `fit_rows` of them, evenly spread."""

    snapshots: Ref
    fit_rows: int | None = None


@worker_cache(1)
def rows_of(material: Material, seed: int) -> tuple[Rows, HoldOut]:
    """The rows of one network, cut into those that may be fitted on and those held out; to be read only.

    Both are views of one matrix in another order; rows of a gap, and those that are left out, are the rest of it.
    The last ones are kept: most jobs of a worker are about the same network, and each would decode gigabytes anew.
    """
    matrix, scalars, sizes = matrix_of(material.snapshots, seed)
    names = scalars.column("run").to_pylist()
    split = hold_out(matrix, names)
    if material.fit_rows is not None:
        split = thinned(split, material.fit_rows)
    order = np.concatenate([split.train, split.held_out])
    order = np.concatenate([order, np.setdiff1d(np.arange(len(matrix)), order)])
    for block in columns(matrix.shape[1]):
        matrix[:, block] = matrix[order, block]
    accuracy = torch.from_numpy(scalars.column("accuracy_reloaded").to_numpy()[split.train])
    train, held_out, _ = torch.from_numpy(matrix).split(
        [len(split.train), len(split.held_out), len(matrix) - len(split.train) - len(split.held_out)]
    )
    runs = torch.from_numpy(np.unique(names, return_inverse=True)[1][split.train])
    return Rows(train, held_out, sizes, accuracy, runs), split


def thinned(split: HoldOut, count: int) -> HoldOut:
    """With `count` of its train rows, evenly spread. Raises `BadSetting` where there are not so many."""
    if count > len(split.train):
        raise BadSetting(
            problem=f"{count} rows cannot be fitted on: {len(split.train)} are left beside those held out",
            remedy=f"set fit_rows to at most {len(split.train)}, or collect more rows",
        )
    chosen = np.linspace(0, len(split.train) - 1, count).round().astype(int) if count > 1 else [len(split.train) - 1]
    return dataclasses.replace(split, train=split.train[chosen])


def matrix_of(snapshots: Ref, seed: int) -> tuple[Float[np.ndarray, "k D"], pa.Table, tuple[int, ...]]:
    """All rows of one network as they were collected, their scalars, and the lengths of the tensors in a row."""
    stored = SnapshotSet.open(snapshots)
    size = 4 * stored.size * stored.scalars(seeds=[seed]).num_rows
    matrix, scalars = (stored.matrix if size <= IN_MEMORY else stored.mapped)(seeds=[seed])
    return matrix, scalars, stored.layout.sizes
