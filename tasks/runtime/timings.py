"""How long a job took, in a file beside its product, whose hash is in later keys and must not depend on time."""

from typing import Any

from storage.files import Location, Ref
from storage.formats import publish_json, read_json

SUFFIX = ".seconds.json"


def timing_file(target: Location) -> str:
    """Where the seconds of the job lie that publishes `target`."""
    return f"{target}{SUFFIX}"


def publish_timing(target: Location, told: Any) -> Ref:
    """Before the target itself, as one of the files `beside` it."""
    return publish_json(timing_file(target), told)


def read_timing(target: Location) -> Any:
    """Raises `MissingFile` or `TornFile`."""
    return read_json(timing_file(target))
