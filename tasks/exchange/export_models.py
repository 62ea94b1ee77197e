"""Exporting models: the snapshots of a run or an import, or what a generator made, with their accuracies on test."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from methods.errors import BadSetting
from methods.layout import Layout
from models import CifarResNet
from storage.exchange.offered import State
from storage.exchange.writing import write_cell, write_data_pt, write_models
from storage.files import Ref, sha256, verify_ref
from storage.formats import read_json, read_rows
from storage.scores import read_scores
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.evaluate import ORIGINAL, originals
from tasks.classifiers.imported import BASE, SEED, described
from tasks.results.unfit import UNFIT, record_of

Format = Literal["data.pt", "folder", "safetensors"]
AT_ONCE = 64
"""Rows in memory, but for `data.pt`, which is written in one piece."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Models of one network. accuracies: on the test split, fractions, one per model. name: `original`, or who made
    them.
    """

    name: str
    seed: int
    base: Ref
    rows: Ref
    accuracies: tuple[float, ...]

    def parameters(self, layout: Layout) -> Iterator[Tensor]:
        """The flat rows, some at a time."""
        most = max(1, min(AT_ONCE, 2**28 // (4 * layout.size)))
        for start in range(0, len(self.accuracies), most):
            stop = min(start + most, len(self.accuracies))
            if self.name == ORIGINAL:
                yield originals(SnapshotSet.open(self.rows), self.seed, start, stop)
            else:
                yield read_rows(self.rows.path, "rows", start, stop)


def models_of(source: Path, name: str, seed: int) -> Models:
    """What a run's folder, or that of an import, holds under this name. Raises `BadSetting` where there is no such."""
    if (source / "details.json").is_file():
        return _of_run(source, name, seed)
    if (source / "entry.json").is_file() and (source / BASE).is_file():
        if name != ORIGINAL or seed != SEED:
            raise BadSetting(
                problem=f"{source} is an import: it holds no {name!r} of seed {seed}",
                remedy=f"leave out --rows and --seed, or give a run's folder; here are {ORIGINAL!r} of seed {SEED}",
            )
        base, entry = (Ref(str(source / file), sha256(source / file)) for file in (BASE, "entry.json"))
        accuracies = SnapshotSet.open(source).metadata["test_accuracy"]
        return Models(name=name, seed=seed, base=base, rows=entry, accuracies=tuple(accuracies))
    raise BadSetting(
        problem=f"{source} is neither a completed run of parameter_diffusion nor an imported set",
        remedy="give HOME/runs/RUN_ID, or the folder that `weightsmith import` named",
    )


def _of_run(source: Path, name: str, seed: int) -> Models:
    told = {key: Ref(**ref) for key, ref in read_json(source / "details.json")["references"].items()}
    key = "snapshots" if name == ORIGINAL else f"generated seed {seed} {name}"
    if key not in told or f"base seed {seed}" not in told:
        made = [each.removeprefix("generated seed ") for each in told if each.startswith("generated seed ")]
        seeds = sorted({each.partition(" ")[0] for each in made})
        names = [ORIGINAL, *dict.fromkeys(each.partition(" ")[2] for each in made)]
        records = map(record_of, read_json(source / "summary.json").get(UNFIT, []))
        why = "".join(f"; {each.part} is unfit on it: {each.reason}" for each in records if each.seed == seed)
        raise BadSetting(
            problem=f"{source} holds no {name!r} of seed {seed}{why}",
            remedy=f"seeds: {', '.join(seeds)}; rows: {', '.join(names)}",
        )
    scores = read_scores([ref.path for each, ref in told.items() if each.startswith("scores ")])
    own = np.flatnonzero((scores.seed == seed) & (scores.generator == name))
    own = own[np.argsort(scores.index[own])]
    verify_ref(told[key])
    return Models(
        name=name,
        seed=seed,
        base=told[f"base seed {seed}"],
        rows=told[key],
        accuracies=tuple(scores.test_accuracy[own].tolist()),
    )


def export(worker_context: ClassifierContext, models: Models, target: Path, form: Format) -> None:
    """Writes a file (`data.pt`) or a folder. Raises `BadSetting` where the format has no place for such models."""
    check_format(worker_context, target, form)
    layout, network = worker_context.layout, worker_context.network(models.seed, models.base)
    states: Iterator[State] = (
        {name: value.squeeze(0) for name, value in layout.restore(row[None]).items()}
        for block in models.parameters(layout)
        for row in block
    )
    base = {name: value.cpu() for name, value in network.state_dict().items()}
    kind = worker_context.context_config.network.kind
    if form == "data.pt":
        chosen = [name for name, _ in network.named_parameters() if name in layout.names]
        rows = torch.stack([torch.cat([state[name].reshape(-1) for name in chosen]) for state in states])
        write_data_pt(target, rows, network, chosen, models.accuracies, _cfg(worker_context, models))
    elif form == "folder":
        write_cell(target, states, base, models.accuracies, models.seed, f"{worker_context.splits.name}_{kind}")
    else:
        write_models(target, states, base, models.accuracies, {"rows": models.name, "seed": str(models.seed)})


def check_format(worker_context: ClassifierContext, target: Path, form: Format) -> None:
    """Raises `BadSetting` for what cannot be written."""
    if target.exists():
        raise BadSetting(problem=f"{target} exists already", remedy="name a file or folder that does not")
    buffers, network = worker_context.layout.buffers, worker_context.context_config.network
    if form == "data.pt" and not isinstance(network, CifarResNet):
        raise BadSetting(
            problem=f"data.pt holds a pickled network of p-diff's own code, which has no {network.kind}",
            remedy="choose --format folder or safetensors",
        )
    if form == "data.pt" and buffers == "snapshot":
        raise BadSetting(
            problem="data.pt has no place for the running statistics that these rows hold",
            remedy="choose --format folder or safetensors",
        )
    if form == "safetensors" and buffers == "recalibrate":
        raise BadSetting(
            problem="these models measure their running statistics anew after a row is written, and store none",
            remedy="choose --format folder or data.pt, and recalibrate where you load them",
        )


def _cfg(worker_context: ClassifierContext, models: Models) -> dict[str, Any]:
    facts = described(worker_context.context_config.network, worker_context.splits)
    told = {"rows": models.name, "seed": models.seed, "performance_measured_on": "test split, in the order of pdata"}
    return facts | told
