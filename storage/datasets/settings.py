"""Which images a run uses; decides, with the files themselves, every byte of a `Splits`."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Which images, and how they are cut into train, validation and test.

    source: `digits`, a torchvision set in lower case (`mnist`, `fashion_mnist`, `cifar10`, `cifar100`, `svhn`, `stl10`,
        `flowers102`, `oxford_iiit_pet`, `food101`, `imagenet`), `parquet:PATH` or `folder:PATH`.
    root: folder that torchvision reads; None: `data` below the home folder that `load` is given.
    download: torchvision may fetch what is missing from `root`.
    size: side in pixels; images of another size are resized (bilinear, antialiased) until the shorter side fits, then
        centre-cropped to a square. None: as they are, which must then be all the same.
    channels: 1 (grey, ITU-R 601-2 luma) or 3 (RGB). None: as they are.
    validation: share of the training images that is held out, unless the source brings a validation split of its own.
    train_limit, test_limit: keep at most so many images, counted after the validation images have left.
    seed: of the holding out and the limits, both stratified by label; never the seed of a run.
    crop_padding, flip: augmentation while training, see `methods.augment`.
    mean, std: of each channel, in [0, 1], what classifiers normalise with; None: those of the training images.
    """

    source: str = "digits"
    root: str | None = None
    download: bool = False
    size: Annotated[int, Ge(4)] | None = None
    channels: Literal[1, 3] | None = None
    validation: Annotated[float, Gt(0), Le(0.5)] = 0.1
    train_limit: Annotated[int, Ge(1)] | None = None
    test_limit: Annotated[int, Ge(1)] | None = None
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    crop_padding: Annotated[int, Ge(0)] = 0
    flip: bool = False
    mean: tuple[Annotated[float, Ge(0), Le(1)], ...] | None = None
    std: tuple[Annotated[float, Gt(0)], ...] | None = None

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
