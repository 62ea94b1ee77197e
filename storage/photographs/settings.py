"""Which photographs, and how squares are cut out of them."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Which photographs are used, and how they are cut.

    source: `embedded` (those that scikit-image and scikit-learn bring), `folder:PATH` (every PNG and JPEG below it) or
        `parquet:PATH` (train-*.parquet and test-*.parquet with a column of encoded images).
    size: side of a square, pixels.
    tiles: a validation or test photograph is reduced until its shorter side is so many squares long, or left as it is
        where it is smaller, and cut into adjacent squares.
    training_size: side of a square to train on, pixels; None: `size`. A convolutional network is not bound to it.
    crops: squares cut at random out of each training photograph, each of a side drawn between that and the shorter side
        (uniform in its logarithm), then reduced.
    validation, test: shares of the photographs, at least one each, unless the source says which they are.
    limit: at most so many photographs of each split, the first in the order of the seed.
    seed: of the shares, the limit and the crops; never the seed of a run.
    """

    source: str = "embedded"
    size: Annotated[int, Ge(16), Le(1024)] = 96
    training_size: Annotated[int, Ge(16), Le(1024)] | None = None
    tiles: Annotated[int, Ge(1), Le(64)] = 2
    crops: Annotated[int, Ge(1), Le(10_000)] = 64
    validation: Annotated[float, Gt(0), Le(0.4)] = 0.15
    test: Annotated[float, Gt(0), Le(0.4)] = 0.15
    limit: Annotated[int, Ge(1)] | None = None
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
