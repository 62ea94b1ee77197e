"""Rows of a whole network as sequences of tokens: stretches of at most `width` numbers of one tensor each.

A token never straddles two tensors, so it can be told which layer it belongs to and where in that layer it lies. The
last token of a tensor is filled up with zeros on the way in; what stands there on the way out is dropped.
"""

import dataclasses
from collections.abc import Iterator
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class Tokens:
    """The tokens of a row whose tensors have these lengths, in the order of the row; `count` of them."""

    sizes: tuple[int, ...]
    width: int

    @cached_property
    def per_tensor(self) -> Int[Tensor, " tensors"]:
        return (torch.tensor(self.sizes) + self.width - 1) // self.width

    @property
    def count(self) -> int:
        return int(self.per_tensor.sum())

    @cached_property
    def layer(self) -> Int[Tensor, " tokens"]:
        """Index of the tensor that each token belongs to."""
        return torch.arange(len(self.sizes)).repeat_interleave(self.per_tensor)

    @cached_property
    def place(self) -> Int[Tensor, " tokens"]:
        """How many tokens of the same tensor precede each token."""
        first = self.per_tensor.cumsum(0) - self.per_tensor
        return torch.arange(self.count) - first[self.layer]

    @cached_property
    def length(self) -> Int[Tensor, " tokens"]:
        """How many numbers of the row each token holds, from 1 to `width`."""
        return (torch.tensor(self.sizes)[self.layer] - self.place * self.width).clamp(max=self.width)

    def blocks(self, most: int) -> Iterator[tuple[slice, slice]]:
        """Tokens of one tensor, and the columns that they cover: left to right, at most `most` columns or one token."""
        step = max(1, most // self.width)
        token = column = 0
        for size, count in zip(self.sizes, self.per_tensor.tolist(), strict=True):
            for first in range(0, count, step):
                last = min(first + step, count)
                columns = slice(column + first * self.width, column + min(last * self.width, size))
                yield slice(token + first, token + last), columns
            token, column = token + count, column + size

    def cut(self, stretch: Float[Tensor, "n columns"]) -> Float[Tensor, "n tokens width"]:
        """The columns of a block as its tokens."""
        return nn.functional.pad(stretch, (0, -stretch.shape[1] % self.width)).unflatten(1, (-1, self.width))

    def join(self, values: Float[Tensor, "n tokens width"], columns: int) -> Float[Tensor, "n columns"]:
        """The number of columns that a block covers, from its tokens: the inverse of `cut`."""
        return values.flatten(1)[:, :columns]
