"""Evaluating originals and generated models alike, in blocks; selection looks at validation, the report at test."""

from collections.abc import Sequence

import numpy as np
import torch

from methods.progress import OnStep
from storage.files import Ref
from storage.formats import count_rows, read_rows
from storage.scores import Scores, write_scores
from storage.snapshot_set import SnapshotSet
from tasks.fit import Fits
from tasks.laboratory import Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage

BLOCK = 256
"""Models per job: enough to pay for the prefix, few enough that a killed run loses little."""

ORIGINAL = "original"
Piece = tuple[str, Ref, int, int]
"""Rows start..stop of a generator's sample, or of the snapshots of a network."""


@stage
def evaluate(
    pool: Pool, snapshots: Ref, generated: Fits, seeds: Sequence[int], bases: Sequence[Ref], run: Run
) -> list[Ref]:
    """Tables of scores, one per block of models."""
    jobs = []
    for seed, base in zip(seeds, bases, strict=True):
        for number, block in enumerate(blocks(snapshots, generated, seed)):
            described = [(name, ref.sha256, start, stop) for name, ref, start, stop in block]
            models = sum(stop - start for *_, start, stop in block)
            jobs.append(
                Job(
                    work=evaluate_block,
                    arguments=(seed, base, block),
                    target=run.product("scores", ".parquet", seed, base.sha256, described),
                    label=f"seed {seed} block {number} ({models} models)",
                )
            )
    return pool.carry_out("evaluate", jobs)


def blocks(snapshots: Ref, generated: Fits, seed: int) -> list[list[Piece]]:
    """All models of one network, originals first, cut into blocks of at most `BLOCK`."""
    sources = [(ORIGINAL, snapshots, SnapshotSet.open(snapshots).scalars(seeds=[seed]).num_rows)]
    for (owner, name), ref in generated.items():
        if owner == seed:
            sources.append((name, ref, count_rows(ref.path, "rows")))
    pieces: list[list[Piece]] = [[]]
    room = BLOCK
    for name, ref, count in sources:
        start = 0
        while start < count:
            taken = min(room, count - start)
            pieces[-1].append((name, ref, start, start + taken))
            start, room = start + taken, room - taken
            if room == 0:
                pieces.append([])
                room = BLOCK
    return [block for block in pieces if block]


def evaluate_block(
    laboratory: Laboratory, seed: int, base: Ref, block: list[Piece], *, target: str, on_step: OnStep
) -> None:
    network, layout = laboratory.network(seed, base), laboratory.layout
    rows = torch.cat([_rows(seed, *piece) for piece in block])
    predictions, accuracies = {}, {}
    halves = (
        ("validation", laboratory.validation, laboratory.splits.validation.labels),
        ("test", laboratory.test, laboratory.splits.test.labels),
    )
    kind = np.uint8 if len(laboratory.splits.classes) <= 256 else np.uint16
    for before, (name, split, labels) in enumerate(halves):

        def on_models(done: int, models: int, before: int = before) -> None:
            on_step("models", (before * models + done) // len(halves), models)

        predicted = laboratory.predictions(network, layout, rows, split, on_models)
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


def _rows(seed: int, name: str, ref: Ref, start: int, stop: int) -> torch.Tensor:
    if name == ORIGINAL:
        return torch.from_numpy(SnapshotSet.open(ref).matrix(seeds=[seed])[0][start:stop])
    return read_rows(ref.path, "rows", start, stop)
