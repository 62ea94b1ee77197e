"""The images of a run in memory, with what a classifier and a report must know about them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Images and their labels; labels count from 0."""

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        return Split(images=self.images.to(device), labels=self.labels.to(device))


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """Three disjoint splits of one data set; label k is the class `classes[k]`.

    given_mean, given_std: what classifiers normalise with where it is not measured.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    given_mean: tuple[float, ...] | None = None
    given_std: tuple[float, ...] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel over the training images, in [0, 1], unless it is given."""
        return self._moments[0] if self.given_mean is None else self.given_mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel over all pixels of the training images, unless it is given."""
        return self._moments[1] if self.given_std is None else self.given_std

    @cached_property
    def digest(self) -> str:
        """sha256 of everything here: name, classes, given moments, and shapes and bytes of all images and labels."""
        told = (self.name, *self.classes), self.given_mean, self.given_std
        hasher = hashlib.sha256(repr(told).encode())
        for split in (self.train, self.validation, self.test):
            for tensor in (split.images, split.labels):
                hasher.update(repr(tuple(tensor.shape)).encode())
                hasher.update(tensor.cpu().contiguous().numpy().data)
        return hasher.hexdigest()

    @cached_property
    def _moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        # Counting the 256 values is exact whatever the number of pixels; a running float sum is not.
        values = torch.arange(256, dtype=torch.float64) / 255
        counts = [torch.bincount(channel.flatten(), minlength=256) for channel in self.train.images.cpu().unbind(1)]
        shares = torch.stack(counts).double() / counts[0].sum()
        means = shares @ values
        variances = (shares * (values - means[:, None]).square()).sum(1)
        return tuple(means.tolist()), tuple(variances.sqrt().tolist())
