"""A data set where it lies: labels known, pixels not yet read, so that a limit saves the decoding too."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Int64, UInt8
from torch import Tensor

ReadImage = Callable[[], UInt8[Tensor, "c h w"]]
"""Reads and decodes one image; safe to call from any thread; raises `BadData`, naming the file, if it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """One split of a source. `readers(rows)` gives, lazily, one `ReadImage` for each of the ascending `rows`."""

    labels: Int64[Tensor, " n"]
    readers: Callable[[Sequence[int]], Iterator[ReadImage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The splits that a data set brings; without `validation` it is held out of the training images."""

    name: str
    classes: tuple[str, ...]
    train: Pictures
    test: Pictures
    validation: Pictures | None = None
