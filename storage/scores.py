"""Tables of evaluated models: who generated each, its accuracies, and its prediction for every image."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64, Shaped, UInt8, UInt16

from methods.errors import BadData
from storage.errors import TornFile
from storage.files import Location, Ref, local_copy, publish

NUMBERS = {"seed": np.int64, "index": np.int64, "validation_accuracy": np.float64, "test_accuracy": np.float64}
PREDICTIONS = ("validation_predictions", "test_predictions")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """n models, row by row. Accuracies are fractions in [0, 1], predictions class numbers."""

    generator: Shaped[np.ndarray, " n"]
    seed: Int64[np.ndarray, " n"]
    index: Int64[np.ndarray, " n"]
    validation_accuracy: Float64[np.ndarray, " n"]
    test_accuracy: Float64[np.ndarray, " n"]
    validation_predictions: UInt8[np.ndarray, "n v"] | UInt16[np.ndarray, "n v"]
    test_predictions: UInt8[np.ndarray, "n t"] | UInt16[np.ndarray, "n t"]

    def __len__(self) -> int:
        return len(self.generator)


def write_scores(path: Location, scores: Scores) -> Ref:
    """One Parquet file. Raises `BadData` where columns differ in length or a column has another type than stated."""
    columns = {"generator": pa.array(scores.generator.tolist(), pa.string())}
    for name, kind in NUMBERS.items():
        columns[name] = pa.array(_checked(scores, name, (kind,)))
    for name in PREDICTIONS:
        matrix = _checked(scores, name, (np.uint8, np.uint16))
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
    table = pa.table(columns)
    return publish(
        path,
        lambda local: pq.write_table(table, local, compression="zstd", write_page_checksum=True),
        check=pq.read_metadata,
        size=table.nbytes,
    )


def _checked(scores: Scores, name: str, kinds: tuple[type, ...]) -> np.ndarray:
    column = getattr(scores, name)
    if len(column) != len(scores) or column.dtype not in kinds:
        raise BadData(
            problem=f"column {name!r} holds {len(column)} values of {column.dtype}, for {len(scores)} models",
            remedy=f"give one value of type {' or '.join(kind.__name__ for kind in kinds)} per model",
        )
    return column


def read_scores(paths: Sequence[Location]) -> Scores:
    """All rows of one or more files, in that order.

    Raises `MissingFile`, `TornFile`, or `BadData` where the files were evaluated on different numbers of images.
    """
    if not paths:
        raise BadData(problem="no table of scores was named", remedy="evaluate at least one block of models first")
    tables = [_read(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        for name in PREDICTIONS:
            found, wanted = (t.schema.field(name).type.list_size for t in (table, tables[0]))
            if found != wanted:
                raise BadData(
                    problem=f"{path} holds {found} {name} per model, {paths[0]} {wanted}",
                    remedy="compare only models that were evaluated on the same images",
                )
    columns = {
        name: np.concatenate([table.column(name).to_numpy() for table in tables]) for name in ("generator", *NUMBERS)
    }
    predictions = {name: np.concatenate([_matrix(table, name) for table in tables]) for name in PREDICTIONS}
    return Scores(**columns, **predictions)


def _read(path: Location) -> pa.Table:
    with local_copy(path) as local:
        try:
            return pq.read_table(local, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise TornFile(
                path=str(path),
                problem=f"{path} cannot be read: {error}",
                remedy="delete it and run the evaluation again: only this block is evaluated anew",
            ) from error


def _matrix(table: pa.Table, name: str) -> np.ndarray:
    column = table.column(name).combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=True).reshape(len(column), column.type.list_size)
