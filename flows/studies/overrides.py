"""How `path.to.field=value` changes a configuration."""

import difflib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from flows.studies.common import Study
from methods.errors import BadSetting

S = TypeVar("S", bound=Study)
V = TypeVar("V")


def changed(study: S, changes: Sequence[str]) -> S:
    """A configuration with `path.to.field=value` changes. Raises `BadSetting`."""
    return validated(type(study), as_json(study), changes, shown_by(study.study, study.preset))


def shown_by(study: str, preset: str) -> str:
    return f"`weightsmith show {study} --preset {preset}` prints every field with its value"


def validated(configuration: type[V], values: dict[str, Any], changes: Sequence[str], remedy: str) -> V:
    """The configuration of these JSON values after the changes. Raises `BadSetting`, with `remedy` for wrong values."""
    for change in changes:
        _change(values, change)
    try:
        return TypeAdapter(configuration).validate_python(values)
    except ValidationError as error:
        raise BadSetting(
            problem="\n".join(_explain(each, values) for each in _first_causes(error)),
            remedy=remedy,
        ) from None


def as_json(study: Study) -> dict[str, Any]:
    """The whole configuration as JSON values."""
    return TypeAdapter(type(study)).dump_python(study, mode="json")


def one_of(name: str, allowed: Any, what: str) -> str:
    if name in allowed:
        return name
    near = difflib.get_close_matches(name, allowed, n=1)
    raise BadSetting(
        problem=f"there is no {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        remedy="allowed: " + ", ".join(allowed),
    )


def _change(values: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    if not equals:
        raise BadSetting(problem=f"--set {change!r} has no '='", remedy="write --set path.to.field=value")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *groups, leaf = path.split(".")
    place = values
    for depth, group in enumerate(groups):
        if not isinstance(place.get(group), dict):
            where = ".".join(groups[: depth + 1])
            raise BadSetting(problem=f"there is no field {where!r} (value {text!r})", remedy=_fields(place, group))
        place = place[group]
    if leaf not in place:
        raise BadSetting(problem=f"there is no field {path!r} (value {text!r})", remedy=_fields(place, leaf))
    place[leaf] = value


def _fields(place: dict[str, Any], wanted: str) -> str:
    near = difflib.get_close_matches(wanted, place, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + "allowed here: " + ", ".join(place)


def _explain(error: Any, values: dict[str, Any]) -> str:
    """One line: the field, the value, what is allowed."""
    place: Any = values
    group: dict[str, Any] = {}
    path: list[str] = []
    for part in error["loc"]:
        # pydantic names the member of a union on the way; that is no field of the user's
        if part in (place if isinstance(place, dict) else range(len(place)) if isinstance(place, list) else ()):
            group = place if isinstance(place, dict) else group
            place = place[part]
            path.append(str(part))
    allowed = error["msg"]
    if error["type"] == "missing":
        path.append(str(error["loc"][-1]))
        return f"{'.'.join(path)} is missing"
    if error["type"] == "unexpected_keyword_argument":
        allowed = f"{group.get('kind', 'this group')} has no such field"
        if "kind" in group:
            above = ".".join(path[:-1])
            allowed += f'; to change the kind, give the whole group: --set \'{above}={{"kind": "{group["kind"]}"}}\''
    return f"{'.'.join(path)} = {json.dumps(error['input'], default=str)}: {allowed}"


def _first_causes(error: ValidationError) -> list[Any]:
    """Without what only follows from another: a list whose items are wrong is called too short as well."""
    found = error.errors()
    return [
        each
        for each in found
        if not any(
            len(other["loc"]) > len(each["loc"]) and other["loc"][: len(each["loc"])] == each["loc"] for other in found
        )
    ]
