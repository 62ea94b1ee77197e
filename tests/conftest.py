"""What tests of several rooms use: a small run as a study leaves it, and file systems that are full or read-only."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

# before anything imports torch: several threads on the small tensors of these tests wait longer than they compute
os.environ.setdefault("OMP_NUM_THREADS", "1")
# before anything imports what is checked; the classifiers of `models` are traced, and a tracer's proxies are no tensors
CHECKED = ["methods", "storage.datasets", "storage.photographs", "models.autoencoder", "models.denoiser", "models.lama"]
jaxtyping.install_import_hook(CHECKED, "beartype.beartype")

from methods.audit.audit import Models, Roles, audit_network  # noqa: E402
from methods.evaluation.distribution import difference, distribution  # noqa: E402
from tasks.generation.audit_summary import audited, evidence  # noqa: E402

# Prefect looks at this when it is imported: tests leave the state of the checkout and of the user alone
PREFECT_STATE = tempfile.TemporaryDirectory(prefix="prefect-")
os.environ["PREFECT_HOME"] = PREFECT_STATE.name

CHECKOUT = Path(__file__).parents[1]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
MODELS = {"latent_ddpm": (12, 0.93), "noise_0.05": (12, 0.90), "gaussian": (12, 0.94), "mean": (1, 0.96)}


def _summary(run_id: str) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    accuracies = {name: np.round(rng.normal(mean, 0.01, n), 4) for name, (n, mean) in MODELS.items()}
    original = np.round(rng.normal(0.95, 0.01, 12), 4)
    generated = {name: distribution(values) for name, values in accuracies.items()}
    versions = {"python": "3.11.2", "torch": "2.15.0", "ray": "2.60.0", "prefect": "3.8.8", "mlflow": "3.17.2"}
    return {
        "study": "parameter_diffusion",
        "preset": "smoke",
        "run_id": run_id,
        "seed": 0,
        "started": "2026-05-12T02:00:07+00:00",
        "seconds": 12.5,
        "stages": {"base": 3.25, "collect": 4.5, "fit": 4.75},
        "environment": {**versions, "device": "cpu", "cpus": 2, "gpus": 0, "commit": "0f" * 20, "dirty": False},
        "config_hash": "c0" * 32,
        "state": "completed",
        "error": None,
        "original": distribution(original),
        "generated": generated,
        "gates": {"reconstruction": {"value": 0.0123, "limit": 0.02, "passed": True, "meaning": "accuracy lost"}},
        "storage": {"rows": 12, "shards": 1, "bytes": 98_304},
        "verdict": "latent_ddpm does not beat the mean of the snapshots.",
        "differences": {name: difference(values, original) for name, values in accuracies.items()},
        "selection": {
            name: {"chosen_index": 0, "validation_accuracy": 0.97, "test_accuracy": float(values[0])}
            for name, values in accuracies.items()
        },
        "per_seed": {"0": {"original": distribution(original), "generated": generated}},
        "prefix_passes": 1797,
        "data": {
            "name": "digits",
            "digest": "d1" * 32,
            "train": 1131,
            "validation": 126,
            "test": 540,
            "classes": 10,
            "shape": [1, 8, 8],
        },
        "layout": {"numbers": 2048, "tensors": 4, "buffers": "frozen"},
        **audited([_audit()["audit"]]),
        "paired": {
            name: {
                "mcnemar": {"only_first": 3, "only_second": 5, "p": 0.7266},
                "best_of": {"n": 12, "generated": 0.95, "original": 0.96},
            }
            for name in MODELS
        },
    }


@functools.cache
def _audit() -> dict[str, Any]:
    """A true audit of rows drawn at random, as a run leaves it for one network."""
    draw = torch.Generator().manual_seed(9)

    def models(n: int) -> Models:
        return Models(torch.randn(n, 30, generator=draw), torch.rand(n, 50, generator=draw) < 0.9, 0.01)

    sets = {name: models(n) for name, (n, _) in MODELS.items()}
    roles = Roles(averages=["mean"], gaussian="gaussian", noises=["noise_0.05"])
    found = audit_network(models(20), models(6), sets, roles, seed=0)
    return {"audit": found, "shared_errors": {"originals": 2, "matrix": [[100, 40, 30]] * 3}}


def _details() -> dict[str, Any]:
    rng = np.random.default_rng(8)
    steps = list(range(30))
    line = {"label": "seed 0", "x": steps, "y": [2.0**-s for s in steps], "x_label": "step", "y_label": "loss"}
    groups = {name: rng.normal(size=(12, 2)).tolist() for name in ("original", "held_out", "latent_ddpm", "gaussian")}
    accuracy = rng.uniform(0.9, 0.95, 12).tolist()
    return {
        "curves": {"base training": [line], "denoiser": [line]},
        "pca": [{"seed": 0, "explained": [0.4, 0.2], "groups": {**groups, "mean": [[0.0, 0.0]]}, "begins": [6]}],
        "snapshots": [{"seed": 0, "epoch": steps[:12], "accuracy": accuracy, "accuracy_reloaded": accuracy}],
        "audit": evidence({0: _audit()}),
        "references": {"snapshots": {"path": "snapshots/entry.json", "sha256": "5e" * 32}},
    }


@pytest.fixture
def run_files() -> dict[str, Any]:
    """`summary`, `details` and `config` of a completed run, free to change before they are written."""
    config = {"network": {"kind": "conv_net", "channels": [8, 16]}, "samples": 12, "seeds": [0], "root": None}
    return {"summary": _summary("run-1"), "details": _details(), "config": config}


@pytest.fixture
def write_run() -> Callable[[Path, dict[str, Any]], Path]:
    """Writes the three files into a folder."""

    def write(folder: Path, files: dict[str, Any]) -> Path:
        folder.mkdir(parents=True)
        for name, value in files.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        return folder

    return write


@pytest.fixture
def on_mount(tmp_path: Path) -> Callable[..., str]:
    """Runs a Python script whose `sys.argv[1]` is a tmpfs with these mount options, and returns what it printed."""
    mount = tmp_path / "mount"
    mount.mkdir()
    allowed = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(mount)]
    try:
        probe = subprocess.run(allowed, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no `unshare` here to mount a small file system with")
    if probe.returncode:
        pytest.skip(f"this machine lets nobody mount a small file system: {probe.stderr.strip()}")

    def run(script: str, *options: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        mounts = f'mount -t tmpfs -o {",".join(options)} tmpfs "$1" && exec "$2" -c "$3" "$1"'
        command = [*NAMESPACE, "sh", "-c", mounts, "sh", str(mount), sys.executable, script]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
