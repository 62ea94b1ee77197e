"""What the stages of one study share."""

import dataclasses
import functools
from typing import Any

from methods.layout import Layout
from storage.datasets import Splits
from tasks.classifiers.laboratory import Laboratory
from tasks.runtime.pool import Pool
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContext:
    """pool: does the jobs. run: names their products, bound to these images. splits: what workers hold.

    apparatus: what workers are made for, a laboratory's or, for photographs, a darkroom's.
    """

    pool: Pool
    run: Run
    splits: Splits
    apparatus: Any

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.run.seed

    @functools.cached_property
    def layout(self) -> Layout:
        """Which numbers the rows of the study hold. Raises `BadSetting` where its strategy names unknown parameters."""
        return Laboratory.layout_for(self.apparatus, self.splits)
