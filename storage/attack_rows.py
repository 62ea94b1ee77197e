"""Tables of attacked samples: one row per (model, attack, sample), with pictures of the first few."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from methods.errors import BadData
from storage.errors import TornFile
from storage.files import Location, Ref, local_copy, publish

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("member", pa.int32()),  # which of several models of that name
        ("attack", pa.string()),
        ("parameters", pa.string()),  # hash of the attack's
        ("sample", pa.int64()),  # index in the test split
        ("image_sha256", pa.string()),
        ("label", pa.int32()),
        ("target", pa.int32()),  # −1: untargeted
        ("clean_prediction", pa.int32()),
        ("prediction", pa.int32()),
        ("success", pa.bool_()),
        ("l0", pa.int64()),
        ("l1", pa.float64()),
        ("l2", pa.float64()),
        ("linf", pa.float64()),
        ("forwards", pa.float64()),
        ("backwards", pa.float64()),
        ("seconds", pa.float64()),  # the sample's share of its block's
        ("picture", pa.binary()),  # float32 pixels of the adversarial image, or null
    ]
)
Columns = Mapping[str, Any]


def publish_attack_rows(path: Location, columns: Columns) -> Ref:
    """One Parquet file. Raises `BadData` where columns are missing, too many, or of unequal length."""
    if set(columns) != set(SCHEMA.names):
        raise BadData(
            problem=f"columns {', '.join(sorted(set(columns) ^ set(SCHEMA.names)))} are missing or too many",
            remedy=f"give exactly {', '.join(SCHEMA.names)}",
        )
    try:
        table = pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    except (pa.ArrowException, TypeError) as error:
        raise BadData(problem=f"rows of an attack do not fit their table: {error}", remedy="see SCHEMA") from error
    return publish(
        path,
        lambda local: pq.write_table(table, local, compression="zstd", write_page_checksum=True),
        check=pq.read_metadata,
        size=table.nbytes,
    )


def read_attack_rows(paths: Sequence[Location]) -> dict[str, np.ndarray]:
    """All columns of all files, in that order. Raises `MissingFile` or `TornFile`."""
    table = pa.concat_tables([_read(path) for path in paths])
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in SCHEMA.names}


def _read(path: Location) -> pa.Table:
    with local_copy(path) as local:
        try:
            return pq.read_table(local, page_checksum_verification=True).cast(SCHEMA)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise TornFile(
                path=str(path),
                problem=f"{path} cannot be read: {error}",
                remedy="delete it and run the study again: only this block is attacked anew",
            ) from error
