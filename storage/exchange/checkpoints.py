"""p-diff's current version: a folder of checkpoints, each a state dict of the trained tensors alone."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from methods.errors import BadData
from storage.exchange.networks import TRACKED
from storage.exchange.offered import Offered, State, check_accuracies, finite, read_whole, single
from storage.files import sha256

CHECKPOINT = re.compile(r"(?P<number>\d+)_acc(?P<accuracy>\d+\.\d+)_seed(?P<seed>\d+)(_(?P<tag>.+))?\.pth", re.ASCII)
CHECKPOINTS, PRETRAINED = "checkpoint", "pretrained.pth"
"""What a cell of that version holds: a folder of checkpoints, and beside it the whole network that they came from."""


def read_checkpoints(folder: Path, base: Path, largest: int) -> Offered:
    found = {path: CHECKPOINT.fullmatch(path.name) for path in sorted(folder.iterdir())}
    if strays := [path.name for path, match in found.items() if match is None or not path.is_file()]:
        raise BadData(
            problem=f"{folder} holds {len(strays)} things that are no checkpoints, the first is {strays[0]}",
            remedy="move them elsewhere: a folder of models holds only NNNN_accA.AAAA_seedSSSS_TAG.pth",
        )
    if not found:
        raise BadData(problem=f"{folder} is empty", remedy="give the folder that holds the .pth files")
    matches = {path: match.groupdict() for path, match in found.items() if match}
    paths = sorted(matches, key=lambda path: (int(matches[path]["seed"]), int(matches[path]["number"]), path.name))
    accuracies = tuple(float(matches[path]["accuracy"]) for path in paths)
    check_accuracies(accuracies, folder, "1")
    first = _read_checkpoint(paths[0], largest)
    shapes = {name: tuple(value.shape) for name, value in first.items()}
    hasher = hashlib.sha256()
    for path in (*paths, base):
        hasher.update(f"{path.name} {sha256(path)}\n".encode())

    def rows() -> Iterator[State]:
        for path in paths:
            state = _read_checkpoint(path, largest)
            if {name: tuple(value.shape) for name, value in state.items()} != shapes:
                raise BadData(
                    problem=f"{path} holds other tensors than {paths[0].name}",
                    remedy="put models that differ in other layers into a folder of their own",
                )
            yield state

    return Offered(
        source=folder.parent.name if folder.name == CHECKPOINTS else folder.name,
        sha256=hasher.hexdigest(),
        shapes=shapes,
        accuracies=accuracies,
        runs=tuple(f"seed {int(matches[path]['seed'])}" for path in paths),
        rows=rows,
        base=lambda: read_whole(base, largest),
    )


def _read_checkpoint(path: Path, largest: int) -> State:
    state = read_whole(path, largest)
    kept = {name: single(value, name, path) for name, value in state.items() if not name.endswith(TRACKED)}
    for name, value in kept.items():
        finite(value, f"{name} of {path}")
    return kept
