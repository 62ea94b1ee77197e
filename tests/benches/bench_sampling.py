"""200 parameter vectors in one batch of DDIM steps, against one by one with 1,000 DDPM steps; the same networks."""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from flows.studies import resolve
from methods.generation.latent_ddpm import Sampling
from storage import datasets
from storage.files import Ref
from storage.formats import read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.training_rows import Material, rows_of
from tasks.generation.generators import all_generators
from tests.benches.plain import run_plainly

KEY = "sampling_speedup"
TARGET = 200.0
RESAMPLES = 2000
TINY = {"preset": "smoke", "count": 4, "rounds": 1, "ddpm_count": 2}
CHANGES = ("seeds=[0]",)


def measure(*, preset: str = "digits", count: int = 200, rounds: int = 3, ddpm_count: int = 200) -> dict[str, object]:
    """Fits the preset's generator once; then both sides on one thread, interleaved, one vector of theirs a round."""
    torch.set_num_threads(1)
    study = resolve("parameter_diffusion", preset, CHANGES)
    with tempfile.TemporaryDirectory() as folder:
        _, details = run_plainly(study, Path(folder))
        references = {name: Ref(**each) for name, each in details["references"].items()}
        worker_context = ClassifierContext(study.context_config, datasets.load(study.data, home=Path(folder)))
        network = worker_context.network(0, references["base seed 0"])
        state, _ = read_tensors(references["fit seed 0 latent_ddpm"].path)
        stored, _ = rows_of(Material(snapshots=references["snapshots"]), 0)
    generator = all_generators(study.generator)["latent_ddpm"]
    fast = generator.restore(state, stored, device=torch.device("cpu"))
    published = dataclasses.replace(generator, sampling=Sampling(kind="ddpm"))
    slow = published.restore(state, stored, device=torch.device("cpu"))
    ours, theirs = [], []
    for turn in range(rounds):
        start = time.perf_counter()
        rows = fast.sample(count, seed=turn)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        slow.sample(1, seed=turn)
        theirs.append(time.perf_counter() - start)
    # samples do not depend on who shares their batch, so theirs may be judged by a batch
    samples = {"ddim": rows, "ddpm": slow.sample(ddpm_count, seed=rounds)}
    quality = {name: _quality(worker_context, network, each) for name, each in samples.items()}
    told = "; ".join(f"{what} {quality['ddim'][what]} against {quality['ddpm'][what]}" for what in quality["ddim"])
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs) * count
    return {
        "ratio": theirs_seconds / ours_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"{count} vectors of {rows.shape[1]}, {study.generator.sampling.steps} steps in one batch against "
        f"1,000 steps each (timed on {rounds}); validation {told}",
    }


def _quality(worker_context: ClassifierContext, network: nn.Module, rows: torch.Tensor) -> dict[str, str]:
    """Mean validation accuracy, and root of the total variance of the rows, each with a 95 % bootstrap interval."""
    accuracy = worker_context.validation_accuracy(network, worker_context.layout, rows).numpy()
    squares = (rows - rows.mean(0)).square().sum(1).numpy()
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(rows), size=(RESAMPLES, len(rows)))
    told = {}
    for name, values, power in (("accuracy", accuracy, 1.0), ("dispersion", squares, 0.5)):
        low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975]) ** power
        told[name] = f"{values.mean() ** power:.4g} [{low:.4g}, {high:.4g}]"
    return told
