"""Tables of protected images, as they were saved, and of what each of them does to an editor."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from storage.files import Location, Ref
from storage.tables import Columns, publish_table, read_tables

PROTECTED = pa.schema(
    [
        ("sample", pa.int64()),  # index in the test split
        ("picture", pa.binary()),  # PNG
        ("losses", pa.list_(pa.float64())),  # of every look
        ("chosen", pa.int64()),  # the look whose image was taken
    ]
)
JUDGED = pa.schema(
    [
        ("method", pa.string()),
        ("crafted_on", pa.string()),
        ("editor", pa.string()),
        ("transform", pa.string()),
        ("epsilon", pa.float64()),
        ("sample", pa.int64()),
        ("photograph", pa.string()),
        ("psnr", pa.float64()),
        ("ssim", pa.float64()),
        ("target_mse", pa.float64()),
        ("target_mse_clean", pa.float64()),
        ("ssim_edit", pa.float64()),
        ("ssim_incomplete", pa.float64()),  # null, and the next three, where only the edit itself was looked at
        ("ssim_benign", pa.float64()),
        ("ssim_far", pa.float64()),
        ("hidden", pa.bool_()),
        ("protected", pa.bool_()),
        ("seconds", pa.float64()),  # of making the protected image
        ("edit", pa.binary()),  # PNG of the edited protected image, of the first few alone
        ("edit_clean", pa.binary()),  # PNG of the edited clean image
    ]
)


def publish_protected(path: Location, columns: Columns) -> Ref:
    """Raises what `publish_table` does."""
    return publish_table(path, PROTECTED, columns)


def read_protected(path: Location) -> dict[str, np.ndarray]:
    """Raises `MissingFile` or `TornFile`."""
    return read_tables([path], PROTECTED)


def publish_judged(path: Location, columns: Columns) -> Ref:
    """Raises what `publish_table` does."""
    return publish_table(path, JUDGED, columns)


def read_judged(paths: Sequence[Location]) -> dict[str, np.ndarray]:
    """All rows of all files, in that order. Raises `MissingFile` or `TornFile`."""
    return read_tables(paths, JUDGED)
