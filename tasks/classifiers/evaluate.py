"""Evaluating originals and generated models alike, in blocks; selection looks at validation, the report at test."""

from collections.abc import Sequence

import numpy as np
import torch

from methods.layout import Layout
from methods.progress import OnStep
from storage.files import Ref
from storage.formats import count_rows, read_rows
from storage.scores import Scores, write_scores
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.generation.fit import Fits
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.stage import stage

BLOCK, BLOCK_BYTES = 256, 2**29
"""Models per job: enough to pay for the prefix, few enough that a killed run loses little and that they fit."""

ORIGINAL = "original"
Piece = tuple[str, Ref, int, int]
"""Rows start..stop of a generator's sample, or of the snapshots of a network."""


@stage
def evaluate(
    context: RunContext, snapshots: Ref, generated: Fits, seeds: Sequence[int], bases: Sequence[Ref]
) -> list[Ref]:
    """Tables of scores, one per block of models."""
    layout, items = SnapshotSet.open(snapshots).layout, {}
    for seed, base in zip(seeds, bases, strict=True):
        for number, block in enumerate(blocks(snapshots, generated, seed)):
            models = sum(stop - start for *_, start, stop in block)
            items[f"seed {seed} block {number} ({models} models)"] = (layout, seed, base, block)
    return list(map_jobs(context, "evaluate", evaluate_block, items, product="scores", suffix=".parquet").values())


def blocks(snapshots: Ref, generated: Fits, seed: int) -> list[list[Piece]]:
    """All models of one network, originals first, cut into blocks of at most `BLOCK` models and `BLOCK_BYTES`."""
    stored = SnapshotSet.open(snapshots)
    most = max(1, min(BLOCK, BLOCK_BYTES // (4 * stored.size)))
    sources = [(ORIGINAL, snapshots, stored.scalars(seeds=[seed]).num_rows)]
    for (owner, name), ref in generated.items():
        if owner == seed:
            sources.append((name, ref, count_rows(ref.path, "rows")))
    pieces: list[list[Piece]] = [[]]
    room = most
    for name, ref, count in sources:
        start = 0
        while start < count:
            taken = min(room, count - start)
            pieces[-1].append((name, ref, start, start + taken))
            start, room = start + taken, room - taken
            if room == 0:
                pieces.append([])
                room = most
    return [block for block in pieces if block]


def evaluate_block(
    worker_context: ClassifierContext,
    layout: Layout,
    seed: int,
    base: Ref,
    block: list[Piece],
    *,
    target: str,
    on_step: OnStep,
) -> None:
    network = worker_context.network(seed, base)
    rows = torch.cat(
        [stored_rows(ref, seed, start, stop, collected=name == ORIGINAL) for name, ref, start, stop in block]
    )
    halves = {"validation": worker_context.splits.validation.labels, "test": worker_context.splits.test.labels}
    # in one go: whatever is recalibrated would be so once for each of them
    images = torch.cat([worker_context.validation.images, worker_context.test.images])
    both = worker_context.predictions(
        network, layout, rows, images, lambda done, models: on_step("models", done, models)
    )
    predictions, accuracies = {}, {}
    kind = np.uint8 if len(worker_context.splits.classes) <= 256 else np.uint16
    for (name, labels), predicted in zip(halves.items(), both.split([*map(len, halves.values())], 1), strict=True):
        predictions[name] = predicted.numpy().astype(kind)
        accuracies[name] = (predicted == labels).double().mean(1).numpy()
    write_scores(
        target,
        Scores(
            generator=np.concatenate([np.full(stop - start, name, object) for name, _, start, stop in block]),
            seed=np.full(len(rows), seed, np.int64),
            index=np.concatenate([np.arange(start, stop, dtype=np.int64) for *_, start, stop in block]),
            validation_accuracy=accuracies["validation"],
            test_accuracy=accuracies["test"],
            validation_predictions=predictions["validation"],
            test_predictions=predictions["test"],
        ),
    )


def stored_rows(ref: Ref, seed: int, start: int, stop: int, *, collected: bool) -> torch.Tensor:
    """Rows start..stop of a generator's sample, or of the snapshots that were collected with this seed."""
    if collected:
        return originals(SnapshotSet.open(ref), seed, start, stop)
    return read_rows(ref.path, "rows", start, stop)


def originals(stored: SnapshotSet, seed: int, start: int, stop: int) -> torch.Tensor:
    """Rows start..stop of one network; no others are in memory but those of one row group."""
    found, first = [], 0
    for block, _ in stored.batches(seeds=[seed]):
        found.append(torch.from_numpy(block[max(start - first, 0) : max(stop - first, 0)]).clone())
        first += len(block)
        if first >= stop:
            break
    return torch.cat(found)
