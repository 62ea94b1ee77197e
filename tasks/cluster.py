"""Ray: a private one on this machine, or an existing cluster where RAY_ADDRESS names one."""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from methods.errors import WeightsmithError
from tasks.resources import Resources

OBJECT_STORE_BYTES = 2**30
"""Only the data set and small results pass through it."""
READY_SECONDS = 120
LONGEST_SOCKET_FOLDER = 40
"""Ray puts sockets some 65 characters below its folder, and a socket's path may have 107."""


@dataclasses.dataclass(eq=False, kw_only=True)
class ClusterError(WeightsmithError):
    """Ray could not be started or reached, or has not what was asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """What one worker is given: `gpus` is 0 where there are none; `threads` of `cpus` for its arithmetic."""

    workers: int
    gpus: float
    cpus: int


@contextlib.contextmanager
def connected(home: Path) -> Iterator[dict[str, float]]:
    """Ray's resources by name, for as long as the block lasts. A connection that is already there is used and left.

    Raises `ClusterError`. A private Ray writes below `home` alone and ends with the process, even a killed one.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS") or "local"
    if address == "local":
        # a token would be written into the user's own home; nobody else can reach a private Ray
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        # its C++ part warns about arguments of actors that can restart; the pool keeps those alive
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    folder = _socket_folder(home / "ray")
    private: dict[str, Any] = {
        "num_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(folder),
    }
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            **(private if address == "local" else {}),
        )
    except (ConnectionError, RuntimeError, OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            problem=f"Ray at {address!r} could not be reached: {error}",
            remedy="unset RAY_ADDRESS to run on this machine alone, or check that the cluster is up",
        ) from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()
        if address == "local":
            shutil.rmtree(folder, ignore_errors=True)
            (home / "ray").mkdir(exist_ok=True)


def share(resources: Resources, available: dict[str, float], jobs: int) -> Share:
    """How many workers to start for `jobs` jobs, and what each is given. Raises `ClusterError`."""
    cpus, gpus = int(available.get("CPU", 1)), available.get("GPU", 0.0)
    wanted = resources.gpu_share if resources.device in ("auto", "cuda") else 0.0
    if resources.device == "cuda" and gpus == 0:
        raise ClusterError(
            problem="resources.device is 'cuda', but Ray has no GPU",
            remedy="use resources.device=auto, or start Ray on machines with a GPU",
        )
    places = int(gpus / wanted) if gpus and wanted else cpus
    if places == 0:
        raise ClusterError(
            problem=f"a worker needs {wanted} GPUs, Ray has {gpus:g}", remedy="lower resources.gpu_share"
        )
    workers = max(1, min(jobs, places, resources.actors or places))
    return Share(workers, wanted if gpus else 0.0, max(1, cpus // workers))


def _socket_folder(folder: Path) -> Path:
    """`folder`, or a short link to it where its path is too long for Ray's sockets."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    link = Path(tempfile.gettempdir()) / f"ws-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return link
