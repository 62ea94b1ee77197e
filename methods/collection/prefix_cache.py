"""What the frozen part of a network makes of every training image, computed once per augmented view."""

from collections.abc import Callable

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from methods.errors import BadSetting
from methods.evaluation.boundary import Prefix
from methods.evaluation.split import Split
from methods.progress import OnStep, silent

BATCH = 256

Augment = Callable[[UInt8[Tensor, "n c h w"], torch.Generator], UInt8[Tensor, "n c h w"]]


class PrefixCache:
    """The boundary tensors of `views` augmented copies of `images`, on the device of the images.

    Where nothing is frozen there is nothing to keep: `boundary` then augments and computes each batch afresh.
    """

    def __init__(
        self,
        cut: Split,
        images: UInt8[Tensor, "n c h w"],
        augment: Augment,
        *,
        views: int,
        frozen: bool,
        limit: int,
    ) -> None:
        self.prefix = Prefix(cut, device=images.device)
        self.images, self.augment = images, augment
        self.views, self.frozen, self.limit = views, frozen, limit
        self.kept: list[tuple[Tensor, ...]] = []

    @property
    def passes(self) -> int:
        """Images that went through the prefix so far."""
        return self.prefix.passes

    def fill(self, draw: torch.Generator, on_step: OnStep = silent) -> None:
        """Computes all views, if the network has a frozen part. Raises `BadSetting` beforehand if they do not fit."""
        if not self.frozen:
            return
        one = self.prefix(self.images[:1])
        needed = self.views * len(self.images) * sum(part.numel() * part.element_size() for part in one)
        if needed > self.limit:
            raise BadSetting(
                problem=f"keeping {self.views} views of {len(self.images)} images takes {needed / 2**30:.2f} GiB, "
                f"allowed are {self.limit / 2**30:.2f}",
                remedy="lower strategy.views or data.train_limit, or raise resources.cache_gib",
            )
        for view in range(self.views):
            self.kept.append(self.prefix.cache(self.augment(self.images, draw), batch=BATCH))
            on_step("prefix", view + 1, self.views)

    def boundary(self, epoch: int, batch: Int[Tensor, " b"], draw: torch.Generator | None) -> tuple[Tensor, ...]:
        """The inputs of the tail for some images, in the view whose turn it is."""
        if self.kept:
            return tuple(part[batch] for part in self.kept[epoch % self.views])
        images = self.images[batch]
        return self.prefix(images if draw is None else self.augment(images, draw))
