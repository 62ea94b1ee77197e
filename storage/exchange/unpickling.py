"""A restricted unpickler: what a pickle names is never imported, and only inert stand-ins are ever made.

Pickles call what they name. Here a name is looked up in a table of stand-ins, or it is refused, so that a hostile file
can build lists, dicts and objects that do nothing. Networks and configurations arrive as `Thing`s.
"""

import io
import pickle
import pickletools
from typing import Any, BinaryIO

import torch

from methods.errors import WeightsmithError
from storage.errors import TornFile, UnsafePickle
from storage.exchange.stand_ins import CALLABLES, CLASSES, PLAIN, SCALARS, STORAGES, Storage, Thing

PICKLE_BYTES = 64 * 2**20
"""Of one pickle, without the numbers: a ResNet-18 with its configuration takes 0.1 MB."""
TUPLES = 20_000
"""In one pickle, four per tensor: a key of hundreds of thousands, one in the other, would end the process."""
DAMAGED = "copy it again from where it comes from, or save it again with torch.save"


def load_pickle(stream: BinaryIO, path: str, storages: dict[str, Storage] | None = None) -> Any:
    """The next pickle of a stream, which then stands behind it; `storages` is filled with those that it names.

    Raises `UnsafePickle` or `TornFile`.
    """
    start = stream.tell()
    try:
        _scan(stream, start)
        stop = stream.tell()
        stream.seek(start)
        return _Restricted(io.BytesIO(stream.read(stop - start)), path, {} if storages is None else storages).load()
    except WeightsmithError:
        raise
    except Exception as error:  # an unpickler raises whatever damaged bytes lead it to
        problem = f"{path} holds no pickle that can be read: {type(error).__name__}: {error}"
        raise TornFile(path=path, problem=problem, remedy=DAMAGED) from error


def _scan(stream: BinaryIO, start: int) -> None:
    """Bounds the length, and the memory that one opcode of a few bytes could ask for."""
    tuples = 0
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if stream.tell() - start > PICKLE_BYTES:
            raise ValueError(f"it is longer than {PICKLE_BYTES:,} bytes")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > count:
            raise ValueError(f"entry {argument:,} of its memo after {count:,} steps")
        tuples += opcode.name.startswith("TUPLE")
        if tuples > TUPLES:
            raise ValueError(f"it has more than {TUPLES:,} tuples")


class _Restricted(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, path: str, storages: dict[str, Storage]) -> None:
        super().__init__(stream, encoding="latin1")
        self.path, self.storages = path, storages
        self.made: dict[str, type[Thing]] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        wanted = f"{module}.{name}"
        if wanted in CALLABLES:
            return CALLABLES[wanted]
        if wanted in STORAGES:
            return STORAGES[wanted]
        if wanted in PLAIN | SCALARS or wanted.startswith(CLASSES):
            # a class for this file alone: whatever the file does to it ends with the file
            return self.made.setdefault(wanted, type("Thing", (Thing,), {"__slots__": (), "kind": wanted}))
        raise UnsafePickle(
            path=self.path,
            wanted=wanted,
            problem=f"{self.path} wants to load {wanted}, which is neither tensor nor plain network; nothing was run",
            remedy="do not load it with torch.load; ask its author for tensors alone (safetensors, or a state dict)",
        )

    def persistent_load(self, pid: Any, /) -> Any:
        if pid[0] == "module" and pid[1] in self.made.values():
            return pid[1]  # before PyTorch 1.6 a network's class came with its source, which is dropped
        kind, dtype, key, _, count, *view = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or any(each is not None for each in view):
            raise pickle.UnpicklingError(f"unknown reference {pid!r:.100}")
        return self.storages.setdefault(str(key), Storage(dtype, str(key), count))
