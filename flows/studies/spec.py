"""What makes a study: its configuration, what it does, its presets, and its chapter of the report."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flows.studies.common import Study
from tasks.runtime.context import RunContext

Body = Callable[[Any, RunContext], tuple[dict[str, Any], dict[str, Any]]]
"""`body(study, context)` returns the study's part of `summary.json`, and `details.json`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """configuration: type of its configurations; its field `study` has the study's name as default. description: of its
    Prefect deployment. presets: modules whose public functions are presets. chapter: module of `flows.report`, with the
    members of `flows.report.chapter.Chapter`. Modules are named and imported when asked for.
    """

    configuration: type[Study]
    body: Body
    description: str
    presets: tuple[str, ...]
    chapter: str

    @property
    def name(self) -> str:
        fields = {field.name: field for field in dataclasses.fields(self.configuration)}  # type: ignore[arg-type]
        return str(fields["study"].default)

    def preset_functions(self) -> dict[str, Callable[[], Study]]:
        """By name, in the order of the modules, and in them of the source."""
        modules = map(importlib.import_module, self.presets)
        return {name: function for module in modules for name, function in _public_functions(module)}


def _public_functions(module: ModuleType) -> list[tuple[str, Callable[[], Study]]]:
    found = inspect.getmembers(module, inspect.isfunction)
    own = [(name, f) for name, f in found if f.__module__ == module.__name__ and not name.startswith("_")]
    return sorted(own, key=lambda item: inspect.getsourcelines(item[1])[1])
