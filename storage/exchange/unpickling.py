"""A restricted unpickler: what a pickle names is never imported, and only inert stand-ins are ever made.

Pickles call what they name. Here a name is looked up in a table of stand-ins, or it is refused, so that a hostile file
can build lists, dicts and objects that do nothing. Networks and configurations arrive as `Thing`s.
"""

import io
import pickle
import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import torch

from methods.errors import WeightsmithError
from storage.errors import TornFile, UnsafePickle

PICKLE_BYTES = 64 * 2**20
"""Of one pickle, without the numbers: a ResNet-18 with its configuration takes 0.1 MB."""
TUPLES = 20_000
"""In one pickle, four per tensor: a key of hundreds of thousands, one in the other, would end the process."""
DAMAGED = "copy it again from where it comes from, or save it again with torch.save"
CLASSES = ("torch.nn.modules.", "torch.nn.parameter.", "torchvision.models.", "models.", "omegaconf.", "typing.")
"""Beginnings of the names of classes that arrive as `Thing`s: networks, and the configurations beside them."""
PLAIN = {
    f"{room}.{name}"
    for room in ("builtins", "__builtin__")
    for name in ("int", "long", "float", "bool", "str", "unicode", "bytes", "list", "tuple", "dict", "object")
}
"""Types that configurations mention, as Python 3 and 2 name them; they arrive as `Thing`s too, never as themselves."""
STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}


class Thing:
    """Stands for an object whose class is not loaded: the class's name, and the attributes that were saved."""

    kind: ClassVar[str] = ""
    __slots__ = ("attributes",)

    def __new__(cls, *_: Any) -> "Thing":
        made = super().__new__(cls)
        made.attributes = {}
        return made

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class Mapping(dict[Any, Any]):
    """Any kind of dict; what else was saved of it is dropped."""

    def __init__(self, items: Any = (), *_: Any) -> None:
        super().__init__(items if isinstance(items, list | dict) else ())

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers that lie outside the pickle: their type, the name of their record, and how many there are."""

    dtype: Any
    key: Any
    count: Any


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that has not been read; nothing about it is to be trusted yet."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


class _Tensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Stored:
        return Stored(storage, offset, size, stride)


class _Parameter:
    __slots__ = ()

    def __call__(self, data: Any, *_: Any) -> Any:
        return data


CALLABLES: dict[str, Any] = {
    "torch._utils._rebuild_tensor": _Tensor(),
    "torch._utils._rebuild_tensor_v2": _Tensor(),
    "torch._utils._rebuild_parameter": _Parameter(),
    "collections.OrderedDict": Mapping,
    "collections.defaultdict": Mapping,
    "builtins.set": set,
    "__builtin__.set": set,
}


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
        if wanted in PLAIN or wanted.startswith(CLASSES):
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
