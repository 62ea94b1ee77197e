"""Models for other programs: p-diff's two formats, and one safetensors file per model."""

import contextlib
import copy
import os
import shutil
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from storage.exchange.checkpoints import CHECKPOINTS, PRETRAINED
from storage.exchange.offered import State
from storage.files import Ref, publish
from storage.formats import publish_tensors
from storage.write_errors import write_errors

PUBLIC_MODULE, PUBLIC_CLASSES = "models.resnet", ("ResNet", "BasicBlock", "Bottleneck")
"""Where p-diff's first version looks for the code of a pickled network."""
OURS_ALONE = ("normalize", "pool")
"""Children without numbers, which the public classes do without."""


def write_data_pt(
    path: Path,
    rows: Float[Tensor, "k d"],
    network: nn.Module,
    names: Sequence[str],
    accuracies: Sequence[float],
    cfg: Mapping[str, Any],
) -> Ref:
    """p-diff's first version: `rows` in the order of `names`, of a residual network; accuracies are fractions.

    The model is pickled under the class names of p-diff's code, which loads it with `torch.load`.
    """
    content = {
        "pdata": rows,
        "mean": rows.mean(0),
        "std": rows.std(0, correction=min(1, len(rows) - 1)),
        "train_layer": list(names),
        "performance": [100 * each for each in accuracies],
        "cfg": dict(cfg),
    }
    with _public_classes() as classes:
        plain = copy.deepcopy(network).cpu().to(memory_format=torch.contiguous_format)
        content["model"] = _renamed(plain, classes)
        return publish(path, lambda local: torch.save(content, local), size=rows.nbytes)


@contextlib.contextmanager
def _public_classes() -> Iterator[dict[str, type[nn.Module]]]:
    """Classes of these names for as long as a file is written; they can do nothing but be saved."""
    module = types.ModuleType(PUBLIC_MODULE)
    classes = {name: type(name, (nn.Module,), {"__module__": PUBLIC_MODULE}) for name in PUBLIC_CLASSES}
    vars(module).update(classes)
    sys.modules[PUBLIC_MODULE] = module
    try:
        yield classes
    finally:
        del sys.modules[PUBLIC_MODULE]


def _renamed(module: nn.Module, classes: Mapping[str, type[nn.Module]]) -> nn.Module:
    children = {name: _renamed(child, classes) for name, child in module.named_children() if name not in OURS_ALONE}
    for kind in type(module).__mro__:
        if kind.__name__ in classes:
            module, own = classes[kind.__name__]().train(module.training), module
            module._parameters.update(own._parameters)
            module._buffers.update(own._buffers)
            break
    module._modules.clear()
    for name, child in children.items():
        module.add_module(name, child)
    return module


def write_cell(
    folder: Path, rows: Iterable[State], base: State, accuracies: Sequence[float], seed: int, tag: str
) -> None:
    """p-diff's current version: `checkpoint/NNNN_accA.AAAA_seedSSSS_TAG.pth`, beside `pretrained.pth`, all of it."""
    with whole_folder(folder) as aside:
        (aside / CHECKPOINTS).mkdir()
        torch.save(plain_state(base), aside / PRETRAINED)
        for index, (row, accuracy) in enumerate(zip(rows, accuracies, strict=True)):
            name = f"{index:04d}_acc{accuracy:.4f}_seed{seed:04d}_{tag}.pth"
            torch.save(plain_state(row), aside / CHECKPOINTS / name)


def write_models(
    folder: Path, rows: Iterable[State], base: State, accuracies: Sequence[float], told: Mapping[str, str]
) -> None:
    """`NNNN.safetensors`, each the state dict of a whole network, with its accuracy among the metadata."""
    with whole_folder(folder) as aside:
        for index, (row, accuracy) in enumerate(zip(rows, accuracies, strict=True)):
            publish_tensors(
                aside / f"{index:04d}.safetensors",
                base | row,
                {**told, "index": str(index), "test_accuracy": repr(accuracy)},
            )


def plain_state(state: State) -> State:
    """On the CPU, each tensor in memory of its own: a view would be saved with all that it is a view of."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in state.items()}


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when all is well; until then nothing is to be seen there."""
    aside = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    with write_errors(target):
        aside.mkdir(parents=True)
        try:
            yield aside
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
