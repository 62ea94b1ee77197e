"""What the configurations of all studies share."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Protocol, Self

from annotated_types import Ge

from methods.errors import BadSetting
from tasks.runtime.resources import Resources

Seed = Annotated[int, Ge(0)]


FIXED_SEED = 0
"""Seed of the network that is the same in every night."""


class Study(Protocol):
    """The configuration of any study: a frozen dataclass whose field `study` is the study's name."""

    networks_a_night: ClassVar[int]

    @property
    def study(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def data(self) -> Any: ...
    @property
    def resources(self) -> Resources: ...
    @property
    def context_config(self) -> Any: ...
    @property
    def seed(self) -> int:
        """Of all that is drawn for no network in particular."""
        ...

    def tonight(self, rotating: int) -> Self:
        """As the nightly runs it."""
        ...


class OfSeeds:
    """A study about networks of several `seeds`. networks_a_night: how many, 0 if it takes no part in the nightly."""

    __slots__ = ()
    networks_a_night: ClassVar[int]

    def tonight(self, rotating: int) -> Self:
        """As the nightly runs it.

        A study of two networks takes a rotating and a fixed one. `seed` stays, so that everything drawn for the fixed
        network is the same in every night: what is drawn for a network is derived from `seed` and from its own seed.
        The rotating network comes first: where a study looks at one network only (as when it is defended), a night
        says something about a network that no earlier night has seen. A study of one network has no fixed part.
        """
        changes: dict[str, Any] = {"seeds": (rotating, FIXED_SEED)[: self.networks_a_night]}
        if self.networks_a_night == 1:
            changes["seed"] = rotating
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


NAME = re.compile(r"[a-z0-9][a-z0-9_.@]*")


def unique(field: str, names: Sequence[str]) -> None:
    """Raises `BadSetting` for the first name that is there twice or is none for a file and a table."""
    for place, name in enumerate(names):
        if not NAME.fullmatch(name):
            raise BadSetting(
                problem=f"{field}: {name!r} is no name", remedy="use lower case, digits, underscores, dots and @"
            )
        if name in names[:place]:
            raise BadSetting(
                problem=f"{field}: two are called {name!r}", remedy="tell them apart by label or name, or leave one out"
            )
