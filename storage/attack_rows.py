"""Tables of attacked samples: one row per (model, attack, sample), with pictures of the first few."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from storage.files import Location, Ref
from storage.tables import Columns, publish_table, read_tables

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


def publish_attack_rows(path: Location, columns: Columns) -> Ref:
    """One Parquet file. Raises `BadData` where columns are missing, too many, or of unequal length."""
    return publish_table(path, SCHEMA, columns)


def read_attack_rows(paths: Sequence[Location]) -> dict[str, np.ndarray]:
    """All columns of all files, in that order. Raises `MissingFile` or `TornFile`."""
    return read_tables(paths, SCHEMA)
