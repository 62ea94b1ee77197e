"""What jobs about photographs need: the squares on a device. Made once per worker, in the classifiers' place."""

import dataclasses

from storage.datasets import Split, Splits
from tasks.runtime.resources import Resources


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhotoContextConfig:
    """What decides which device the photographs lie on; the photographs themselves are the pool's splits."""

    resources: Resources = dataclasses.field(default_factory=Resources)

    @property
    def reads(self) -> tuple[Resources]:
        """What of it any job may read, whatever its arguments."""
        return (self.resources,)

    def open(self, splits: Splits) -> "PhotoContext":
        return PhotoContext(self, splits)


class PhotoContext:
    """Squares of photographs, uint8 (n, 3, size, size); a label is the photograph that a square was cut out of."""

    def __init__(self, context_config: PhotoContextConfig, splits: Splits) -> None:
        self.context_config, self.splits = context_config, splits
        self.device = context_config.resources.torch_device()
        self.train: Split = splits.train.to(self.device)
        self.validation: Split = splits.validation.to(self.device)
        self.test: Split = splits.test.to(self.device)
