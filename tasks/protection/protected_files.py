"""What one protected image leaves: a PNG, a contact sheet, and a JSON file, written last, that says what decided it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from methods.protection.judging import Judge
from storage.errors import MissingFile, TornFile
from storage.files import publish, sha256
from storage.formats import publish_json, read_json
from storage.lock import folder_turn
from tasks.protection.editors import Tool
from tasks.protection.given_image import Given
from tasks.protection.protect_image import Made, Searched
from tasks.runtime.run import digest, package_versions, plain
from tasks.runtime.source_digest import source_digest


def decided_by(given: Given, used: Tool, method: Searched, judge: Judge, seed: int, threads: int) -> dict[str, Any]:
    """All that decides what an image becomes, as plain values; code: of sources, packages and threads."""
    return {
        "image_sha256": given.sha256,
        "region_sha256": given.region_sha256,
        "window": list(given.window),
        "method": plain(method),
        "judge": plain(judge),
        "seed": seed,
        "inpainter": plain(used.key),
        "code": digest([source_digest(), package_versions(), threads])[:20],
    }


def kept(target: Path, decided: dict[str, Any]) -> dict[str, Any] | None:
    """What the JSON file beside the PNG tells, if both are there, belong together, and were decided by the same."""
    try:
        told = read_json(target.with_suffix(".json"))
        if isinstance(told, dict) and all(told.get(name) == value for name, value in decided.items()):
            return told if sha256(target) == told.get("sha256") else None
    except (MissingFile, TornFile):
        pass
    return None


def keep(target: Path, made: Made, decided: dict[str, Any], draw: Callable[[Path], object]) -> dict[str, Any]:
    """Publishes all three; returns what the JSON file tells. draw: writes the contact sheet.

    Two that write into one folder take turns, so that what lies beside a PNG is always about it.
    """
    told = {"image": made.given.path.name, "output": target.name, **made.told, **decided}
    with folder_turn(target.absolute().parent):
        publish(target, lambda local: local.write_bytes(made.content), size=len(made.content))
        publish(target.with_suffix(".sheet.png"), draw)
        publish_json(target.with_suffix(".json"), told)
    return told
