"""Evaluation in blocks: every model once, whatever the counts, and the scores of one model at a time."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.layout import Layout
from storage.files import Ref
from storage.formats import publish_tensors
from storage.rows import Row
from storage.scores import read_scores
from storage.snapshots import commit, write_part
from tasks.classifiers import evaluate as evaluation
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.evaluate import BLOCK, BLOCK_BYTES, ORIGINAL, blocks, evaluate
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tests.contexts import context

SNAPSHOTS = Ref("snapshots", "5e" * 32)


OWNED = st.tuples(st.sampled_from([0, 1]), st.text(max_size=3))
FULL = {1: BLOCK, BLOCK_BYTES // 4 // 11: 11, BLOCK_BYTES: 1}
"""Models in a full block, by the numbers in a row."""


@given(st.integers(1, 3 * BLOCK), st.dictionaries(OWNED, st.integers(1, 700)), st.sampled_from(sorted(FULL)))
def test_every_model_is_in_exactly_one_block(originals: int, counts: dict[tuple[int, str], int], size: int) -> None:
    generated = {key: Ref(str(key), "") for key in counts}
    sizes = {ref.path: counts[key] for key, ref in generated.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "count_rows", lambda path, name: sizes[path])
        stored = SimpleNamespace(size=size, scalars=lambda seeds: SimpleNamespace(num_rows=originals))
        patch.setattr(evaluation, "SnapshotSet", SimpleNamespace(open=lambda ref: stored))
        found = blocks(SNAPSHOTS, generated, 1)
    pieces = [piece for block in found for piece in block]
    models = [(name, ref.path, index) for name, ref, start, stop in pieces for index in range(start, stop)]
    wanted = [(ORIGINAL, SNAPSHOTS.path, index) for index in range(originals)]
    for (owner, name), ref in generated.items():
        wanted += [(name, ref.path, index) for index in range(counts[owner, name]) if owner == 1]
    assert models == wanted
    full = [sum(stop - start for *_, start, stop in block) for block in found]
    assert all(count == FULL[size] for count in full[:-1])
    assert 0 < full[-1] <= FULL[size]


def collected(folder: Path, layout: Layout, seeds: tuple[int, ...], count: int) -> tuple[Ref, dict[int, np.ndarray]]:
    """A committed snapshot set with random rows, and these rows by seed."""
    numbers = {seed: np.random.default_rng(seed).standard_normal((count, layout.size), np.float32) for seed in seeds}
    usual = {"run": "r", "strategy": "s", "data": "d", "lr": 0.1, "accuracy": 0.5, "accuracy_reloaded": 0.5}
    for seed, rows in numbers.items():
        made = [Row(**usual, seed=seed, epoch=step, step=step, parameters=row) for step, row in enumerate(rows)]
        write_part(str(folder), f"seed-{seed}", made, layout)
    return commit(str(folder), [f"seed-{seed}" for seed in seeds], layout, {}), numbers


def test_scores_are_those_of_one_model_at_a_time(context_config, splits, watcher, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(evaluation, "BLOCK", 7)
    worker_context = ClassifierContext(context_config(), splits)
    layout = worker_context.layout
    snapshots, numbers = collected(tmp_path / "set", layout, (4, 5), 6)
    generated, rows = {}, {(ORIGINAL, seed): torch.from_numpy(each) for seed, each in numbers.items()}
    for seed in (4, 5):
        for name, count in {"ddpm": 5, "mean": 1}.items():
            rows[name, seed] = torch.randn(count, layout.size)
            path = tmp_path / f"{name}-{seed}.safetensors"
            generated[seed, name] = publish_tensors(path, {"rows": rows[name, seed]}, {})
    states = {seed: worker_context.network(seed).state_dict() for seed in (4, 5)}
    bases = [publish_tensors(tmp_path / f"base-{seed}.safetensors", state, {}) for seed, state in states.items()]
    run = Run(home=str(tmp_path), run_id="r", preset="p", seed=0).bound(splits.digest, context_config())
    pool = InlinePool(context_config(), splits, watcher)
    refs = evaluate(
        context(pool, worker_context.context_config, worker_context.splits, run), snapshots, generated, (4, 5), bases
    )
    assert len(refs) == 4
    scores = read_scores([ref.path for ref in refs])
    assert len(scores) == 2 * (6 + 5 + 1)
    for index in range(len(scores)):
        name, seed = scores.generator[index], int(scores.seed[index])
        row = rows[name, seed][scores.index[index]]
        network = worker_context.network(seed).eval()
        written = {key: value[0] for key, value in layout.restore(row[None]).items()}
        network.load_state_dict(network.state_dict() | written)
        for split, predictions, accuracy in (
            (splits.validation, scores.validation_predictions, scores.validation_accuracy),
            (splits.test, scores.test_predictions, scores.test_accuracy),
        ):
            with torch.no_grad():
                wanted = network(split.images.float() / 255).argmax(1)
            assert predictions[index].tolist() == wanted.tolist()
            assert accuracy[index] == pytest.approx((wanted == split.labels).double().mean().item(), abs=1e-12)
    models = set(zip(scores.generator.tolist(), scores.seed.tolist(), scores.index.tolist(), strict=True))
    assert len(models) == len(scores)
