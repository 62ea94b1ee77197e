"""Where and with what a run took place."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from tasks.runtime.source_digest import ROOT


def environment(device: torch.device, threads: int) -> dict[str, Any]:
    """The `environment` of a summary; `commit` is None outside a checkout.

    device, processor and kernels are no part of keys, but decide how sums are rounded: numbers of two runs can only be
    compared digit by digit where these are equal.
    """
    commit = _git("rev-parse", "HEAD")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "ray", "prefect", "mlflow")},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": processor(),
        "kernels": kernels(threads),
        "cpus": os.cpu_count() or 1,
        "gpus": torch.cuda.device_count(),
        "commit": commit,
        "dirty": bool(_git("status", "--porcelain")) if commit else None,
    }


@functools.cache
def processor() -> str:
    """The CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def kernels(threads: int) -> str:
    """Which instructions PyTorch's kernels on the CPU use, whether oneDNN's are among them, and in how many threads."""
    backends = torch.backends
    onednn = "oneDNN" if backends.mkldnn.is_available() and backends.mkldnn.enabled else "no oneDNN"
    return f"{backends.cpu.get_cpu_capability()}, {onednn}, {threads} thread{'s' if threads > 1 else ''}"


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
