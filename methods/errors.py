"""The one family of errors that a user is meant to read.

Every error says what was wrong, with which value, and what to do next. They cross process borders (Ray, Prefect), so
they are dataclasses that pickle by their fields; a contract test pickles every subclass.
"""

import dataclasses
from typing import Any


def _rebuild(kind: type["WeightsmithError"], fields: dict[str, Any]) -> "WeightsmithError":
    return kind(**fields)


@dataclasses.dataclass(eq=False, kw_only=True)
class WeightsmithError(Exception):
    """Base of all expected errors: `problem` names the thing and its value, `remedy` what to do next."""

    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.problem}\n  {self.remedy}" if self.remedy else self.problem

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return _rebuild, (type(self), values)

    def about(self, subject: str) -> "WeightsmithError":
        """The same error, its problem prefixed by the study, seed or file that it concerns."""
        return dataclasses.replace(self, problem=f"{subject}: {self.problem}")


@dataclasses.dataclass(eq=False, kw_only=True)
class BadSetting(WeightsmithError):
    """A configuration that cannot run: misspelt, out of range, or at odds with another field or the data."""


@dataclasses.dataclass(eq=False, kw_only=True)
class BadData(WeightsmithError):
    """A data set that is missing, unreadable, or not of the size, channels or classes that the network expects."""


@dataclasses.dataclass(eq=False, kw_only=True)
class Diverged(WeightsmithError):
    """A loss became NaN or infinite; `step` says where."""

    step: int


@dataclasses.dataclass(eq=False, kw_only=True)
class GateFailed(WeightsmithError):
    """A stage gate stopped a run before it spent more time on something that cannot work."""

    gate: str
    value: float
    limit: float
    meaning: str = ""


@dataclasses.dataclass(eq=False, kw_only=True)
class NotInvertible(WeightsmithError):
    """A network that should run backwards cannot: it is in train mode, or its inverse is not finite."""
