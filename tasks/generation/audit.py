"""Auditing all sets of models of one network: one job per seed, its product a JSON file."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from methods import randomness
from methods.audit.agreement import iou
from methods.audit.audit import Models, Roles, audit_network
from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json, read_tensors
from storage.scores import read_scores
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.evaluate import ORIGINAL
from tasks.classifiers.training_rows import Material, rows_of
from tasks.generation.sample import Samples
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

VOTERS = 10
PICTURED = 40
"""Originals, and as many generated models, in the picture of shared errors."""


def roles(names: Sequence[str]) -> Roles:
    return Roles(
        averages=[name for name in names if name == "mean" or name.startswith("average_of_")],
        gaussian="gaussian",
        noises=[name for name in names if name.startswith("noise_")],
    )


@stage
def audit(
    context: RunContext,
    generator: str,
    material: Material,
    generated: Samples,
    scores: Sequence[Ref],
    seeds: Sequence[int],
    bases: Sequence[Ref],
) -> list[Ref]:
    items = {}
    for seed, base in zip(seeds, bases, strict=True):
        own = {name: ref for (owner, name), ref in generated.items() if owner == seed}
        items[f"seed {seed}"] = (context.layout, generator, material, own, scores, seed, base, context.seed)
    return list(map_jobs(context, "audit", audit_one, items, product="audits", suffix=".json").values())


def audit_one(
    worker_context: ClassifierContext,
    layout: Layout,
    generator: str,
    material: Material,
    generated: dict[str, Ref],
    scores: Sequence[Ref],
    seed: int,
    base: Ref,
    run_seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    network, labels = worker_context.network(seed, base), worker_context.splits.test.labels
    table = read_scores([ref.path for ref in scores])
    rows, split = rows_of(material, seed)

    def right(name: str, chosen: np.ndarray | None = None) -> torch.Tensor:
        own = np.flatnonzero((table.seed == seed) & (table.generator == name))
        own = own[np.argsort(table.index[own])]
        predictions = table.test_predictions[own if chosen is None else own[chosen]]
        return torch.from_numpy(predictions.astype(np.int64)) == labels

    def models(name: str, values: torch.Tensor, hits: torch.Tensor) -> Models:
        draw = randomness.generator(run_seed, "vote", name, seed)
        voters = torch.randperm(len(values), generator=draw)[:VOTERS]
        voted = worker_context.vote(network, layout, values[voters]) == labels
        gain = voted.double().mean() - hits[voters].double().mean()
        return Models(values, hits, gain.item())

    sets = {}
    for number, (name, ref) in enumerate(generated.items()):
        sets[name] = models(name, read_tensors(ref.path)[0]["rows"], right(name))
        on_step("votes", number + 1, len(generated))
    train = models("train", rows.train, right(ORIGINAL, split.train))
    held_out = models("held out", rows.held_out, right(ORIGINAL, split.held_out))
    found = audit_network(train, held_out, sets, roles(list(sets)), seed=randomness.derive(run_seed, "audit", seed))
    publish_json(target, {"audit": found, "shared_errors": _shared_errors(train, sets.get(generator))})


def _shared_errors(train: Models, generated: Models | None) -> dict[str, Any]:
    """Error IoU of originals (evenly spread over the run) and generated models, all pairs, in whole percent.

    Of originals alone where the generator is unfit.
    """
    chosen = torch.linspace(0, len(train.right) - 1, min(PICTURED, len(train.right))).round().long()
    others = [] if generated is None else [generated.right[:PICTURED]]
    wrong = ~torch.cat([train.right[chosen], *others])
    matrix = (100 * iou(wrong, wrong)).round().int().tolist()
    return {"originals": len(chosen), "matrix": matrix}
