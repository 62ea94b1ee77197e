"""Files as p-diff's two public versions write them, made by their own means: torch.save of live objects."""

import contextlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn


class AnyNode:
    def __init__(self, value: Any, parent: Any) -> None:
        self.__dict__.update(_val=value, _parent=parent, _metadata={"ref_type": Any, "object_type": str})


class ListConfig:
    """omegaconf's, with the attributes that it pickles: its items, and its parent, the whole configuration."""

    def __init__(self, items: list[str]) -> None:
        self.__dict__.update(_content=[AnyNode(item, self) for item in items], _parent={"whole": [self]})


class BasicBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(2)
        self.shortcut = nn.Sequential()


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.in_planes = 2
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.layer1 = nn.Sequential(BasicBlock())
        self.linear = nn.Linear(2, 3)


PLACES = {
    ListConfig: "omegaconf.listconfig",
    AnyNode: "omegaconf.nodes",
    BasicBlock: "models.resnet",
    ResNet: "models.resnet",
}


@contextlib.contextmanager
def public_names() -> Iterator[None]:
    """The classes above, under the names that they have in public files."""
    own, before = __name__, {name: sys.modules.get(name) for name in {*PLACES.values(), "omegaconf"}}
    try:
        for kind, place in PLACES.items():
            kind.__module__ = place
            module = sys.modules.setdefault(place, types.ModuleType(place))
            sys.modules.setdefault("omegaconf", types.ModuleType("omegaconf"))
            setattr(module, kind.__name__, kind)
        yield
    finally:
        for kind in PLACES:
            kind.__module__ = own
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.__setitem__(name, module)


NAMES = ["linear.bias", "layer1.0.bn1.weight", "linear.weight"]
"""In no order; the rows' is that of `named_parameters`: bn1.weight, linear.weight, linear.bias."""
WIDTH = 2 + 6 + 3


def contents(rows: int = 4) -> dict[str, Any]:
    """What a data.pt holds; free to change before it is written."""
    draw = torch.Generator().manual_seed(0)
    pdata = torch.randn(rows, WIDTH, generator=draw)
    torch.manual_seed(0)
    return {
        "pdata": pdata,
        "mean": pdata.mean(0),
        "std": pdata.std(0),
        "model": ResNet(),
        "train_layer": ListConfig(NAMES),
        "performance": [76.5, 50.0, 0.0, 100.0][:rows],
        "cfg": {"task": {"name": "classification"}},
    }


def write(path: Path, content: Any, *, legacy: bool = False) -> Path:
    with public_names():
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path
