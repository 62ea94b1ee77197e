"""What a pickle's names stand for here: nothing is imported for them, and nothing that is made of them can act."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

CLASSES = (
    "torch.nn.modules.",
    "torch.nn.parameter.",
    "torchvision.models.",
    "models.",
    "omegaconf.",
    "typing.",
    "pytorch_lightning.",
)
"""Beginnings of the names of classes that arrive as `Thing`s: networks, and the configurations beside them."""
PLAIN = {
    f"{room}.{name}"
    for room in ("builtins", "__builtin__")
    for name in ("int", "long", "float", "bool", "str", "unicode", "bytes", "list", "tuple", "dict", "object")
}
"""Types that configurations mention, as Python 3 and 2 name them; they arrive as `Thing`s too, never as themselves."""
SCALARS = {
    "_codecs.encode",
    *(f"numpy.{name}" for name in ("dtype", "core.multiarray.scalar", "_core.multiarray.scalar")),
}
"""What numbers of NumPy among a training's records are made by; they arrive as `Thing`s without their value."""
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
