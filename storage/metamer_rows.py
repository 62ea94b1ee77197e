"""Tables of metamers: one row per network and pair of images, with pictures of the first few."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from storage.files import Location, Ref
from storage.tables import Columns, publish_table, read_tables

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("member", pa.int32()),  # which of several models of that name
        ("a", pa.int64()),  # index in the test split: whose logits
        ("b", pa.int64()),  # and whose nuisance
        ("label_a", pa.int32()),
        ("label_b", pa.int32()),
        ("predicted", pa.int32()),
        ("predicted_shown", pa.int32()),
        ("seen", pa.int32()),  # by the witness, in the metamer
        ("seen_in_b", pa.int32()),  # and in b itself: how far its word counts
        ("sound", pa.bool_()),
        ("vulnerable", pa.bool_()),
        ("logit_error", pa.float64()),
        ("inverse_error", pa.float64()),
        ("out_of_range", pa.float64()),
        ("l2_to_a", pa.float64()),
        ("l2_to_b", pa.float64()),
        ("ssim_to_a", pa.float64()),
        ("ssim_to_b", pa.float64()),
        ("picture", pa.binary()),  # float32 pixels as shown, or null
        ("strip", pa.binary()),  # the same of several pictures on the way from a's nuisance to b's, or null
    ]
)


def publish_metamer_rows(path: Location, columns: Columns) -> Ref:
    """One Parquet file. Raises `BadData` where columns are missing, too many, or of unequal length."""
    return publish_table(path, SCHEMA, columns)


def read_metamer_rows(paths: Sequence[Location]) -> dict[str, np.ndarray]:
    """All columns of all files, in that order. Raises `MissingFile` or `TornFile`."""
    return read_tables(paths, SCHEMA)
