"""Images that a job loads itself, because they are not those that its worker was made for."""

from pathlib import Path

from methods.errors import BadData
from storage import datasets
from storage.datasets import Data, Splits
from tasks.runtime.worker_cache import worker_cache


def planned_splits(data: Data, home: str, digest: str) -> Splits:
    """Raises `BadData` unless they are the images of this digest, which the job was planned with."""
    splits = _loaded(data, home)
    if splits.digest != digest:
        raise BadData(
            problem=f"the images of {data.source} that a worker reads are not those that were planned with",
            remedy="give every machine the same files, under the same path",
        )
    return splits


@worker_cache(2)
def _loaded(data: Data, home: str) -> Splits:
    return datasets.load(data, home=Path(home))
