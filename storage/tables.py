"""Tables with a fixed schema, one Parquet file each, written whole and read with their checksums."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from methods.errors import BadData
from storage.errors import TornFile
from storage.files import Location, Ref, local_copy, publish

Columns = Mapping[str, Any]


def publish_table(path: Location, schema: pa.Schema, columns: Columns) -> Ref:
    """One Parquet file. Raises `BadData` where columns are missing, too many, or of unequal length."""
    if set(columns) != set(schema.names):
        raise BadData(
            problem=f"columns {', '.join(sorted(set(columns) ^ set(schema.names)))} are missing or too many",
            remedy=f"give exactly {', '.join(schema.names)}",
        )
    try:
        table = pa.table({name: columns[name] for name in schema.names}, schema=schema)
    except (pa.ArrowException, TypeError) as error:
        raise BadData(problem=f"rows do not fit their table: {error}", remedy="see its schema") from error
    return publish(
        path,
        lambda local: pq.write_table(table, local, compression="zstd", write_page_checksum=True),
        check=pq.read_metadata,
        size=table.nbytes,
    )


def read_tables(paths: Sequence[Location], schema: pa.Schema) -> dict[str, np.ndarray]:
    """All columns of all files, in that order. Raises `MissingFile` or `TornFile`."""
    table = pa.concat_tables([_read(path, schema) for path in paths])
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in schema.names}


def _read(path: Location, schema: pa.Schema) -> pa.Table:
    with local_copy(path) as local:
        try:
            return pq.read_table(local, page_checksum_verification=True).cast(schema)
        except (OSError, pa.ArrowException, ValueError) as error:
            raise TornFile(
                path=str(path),
                problem=f"{path} cannot be read: {error}",
                remedy="delete it and run the study again: only this table is computed anew",
            ) from error
