"""Where and with what a run took place."""

import importlib.metadata
import os
import platform
import subprocess
from typing import Any

import torch

from tasks.run import ROOT


def environment(device: torch.device) -> dict[str, Any]:
    """The `environment` of a summary; `commit` is None outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("torch", "ray", "prefect", "mlflow")},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "cpus": os.cpu_count() or 1,
        "gpus": torch.cuda.device_count(),
        "commit": commit,
        "dirty": bool(_git("status", "--porcelain")) if commit else None,
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
