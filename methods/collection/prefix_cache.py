"""What the frozen part of a network makes of every training image, computed once per augmented view."""

from collections.abc import Callable

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from methods.errors import BadSetting
from methods.evaluation.split import Split
from methods.progress import OnStep, silent

BATCH = 256


class PrefixCache:
    """The boundary tensors of `views` augmented copies of `images`, on the device of the images.

    Where nothing is frozen there is nothing to keep: `boundary` then augments and computes each batch afresh.
    """

    def __init__(
        self,
        cut: Split,
        images: UInt8[Tensor, "n c h w"],
        augment: Callable[[UInt8[Tensor, "n c h w"], torch.Generator], UInt8[Tensor, "n c h w"]],
        *,
        views: int,
        frozen: bool,
        limit: int,
    ) -> None:
        self.cut, self.images, self.augment = cut, images, augment
        self.views, self.frozen, self.limit = views, frozen, limit
        self.kept: list[tuple[Tensor, ...]] = []
        self.prefix_passes = 0

    @torch.no_grad()
    def fill(self, draw: torch.Generator, on_step: OnStep = silent) -> None:
        """Computes all views, if the network has a frozen part. Raises `BadSetting` beforehand if they do not fit."""
        if not self.frozen:
            return
        one = self._prefix(self.images[:1])
        needed = self.views * len(self.images) * sum(part.numel() * part.element_size() for part in one)
        if needed > self.limit:
            raise BadSetting(
                problem=f"keeping {self.views} views of {len(self.images)} images takes {needed / 2**30:.2f} GiB, "
                f"allowed are {self.limit / 2**30:.2f}",
                remedy="lower strategy.views or data.train_limit, or raise resources.cache_gib",
            )
        for view in range(self.views):
            kept: tuple[Tensor, ...] = ()
            for start in range(0, len(self.images), BATCH):
                batch = self.images[start : start + BATCH]
                parts = self._prefix(self.augment(batch, draw))
                kept = kept or tuple(part.new_empty((len(self.images), *part.shape[1:])) for part in parts)
                for whole, part in zip(kept, parts, strict=True):
                    whole[start : start + BATCH] = part
                self.prefix_passes += len(batch)
            self.kept.append(kept)
            on_step("prefix", view + 1, self.views)

    def boundary(self, epoch: int, batch: Int[Tensor, "b"], draw: torch.Generator | None) -> tuple[Tensor, ...]:
        """The inputs of the tail for some images, in the view whose turn it is."""
        if self.kept:
            return tuple(part[batch] for part in self.kept[epoch % self.views])
        images = self.images[batch]
        self.prefix_passes += len(batch)
        return self._prefix(images if draw is None else self.augment(images, draw))

    def _prefix(self, images: UInt8[Tensor, "n c h w"]) -> tuple[Tensor, ...]:
        return self.cut.prefix(images.float() / 255)
