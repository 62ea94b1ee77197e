"""What the stages of one study share."""

import dataclasses
import functools
from typing import Any

from methods.layout import Layout
from storage.datasets import Splits
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.pool import Pool
from tasks.runtime.run import Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContext:
    """pool: does the jobs. run: names their products, bound to these images. splits: what workers hold.

    context_config: what workers are made for, a `ClassifierContext` or, for photographs, a `PhotoContext`.
    """

    pool: Pool
    run: Run
    splits: Splits
    context_config: Any

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.run.seed

    @functools.cached_property
    def layout(self) -> Layout:
        """Which numbers the rows of the study hold. Raises `BadSetting` where its strategy names unknown parameters."""
        return ClassifierContext.layout_for(self.context_config, self.splits)
