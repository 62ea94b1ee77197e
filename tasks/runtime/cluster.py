"""Ray: a private one on this machine, or an existing cluster where RAY_ADDRESS names one."""

import contextlib
import dataclasses
import hashlib
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from methods.errors import WeightsmithError
from storage.write_errors import write_errors
from tasks.runtime.ray_output import silence
from tasks.runtime.resources import Resources

OBJECT_STORE_BYTES = 2**30
"""Only the data set and small results pass through it."""
ANSWER_SECONDS = 10
LINKS = Path("/tmp")
LONGEST_SOCKET_FOLDER = 40
"""Ray puts sockets some 65 characters below its folder, and a socket's path may have 107."""


@dataclasses.dataclass(eq=False, kw_only=True)
class ClusterError(WeightsmithError):
    """Ray could not be started or reached, or has not what was asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """How many workers, and what each is given: a share of a GPU, 0 where there are none, and CPUs."""

    workers: int
    gpus: float
    cpus: int


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """Ray actors that no study has at the moment; they end with the connection.

    workers: with the share of a GPU and the CPUs that each was given.
    """

    workers: list[tuple[float, int, Any]] = dataclasses.field(default_factory=list)
    boards: list[Any] = dataclasses.field(default_factory=list)


_kept: contextlib.ExitStack | None = None
"""Of `one_ray`: what ends the connection that the next one to connect finds."""
_waiting: Waiting | None = None


@contextlib.contextmanager
def one_ray() -> Iterator[Callable[[], None]]:
    """Within the block Ray starts once for all that connect. Yields what ends it before, where it may be broken."""
    global _kept
    try:
        with contextlib.ExitStack() as _kept:
            yield _kept.close
    finally:
        _kept = None


@contextlib.contextmanager
def connected(home: Path) -> Iterator[dict[str, float]]:
    """Ray's resources by name, for as long as the block lasts. A connection that is already there is used and left.

    Within `one_ray` a connection made here lasts as long as that. Raises `ClusterError`. A private Ray writes below
    `home` alone and ends with the process, even a killed one.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS") or "local"
    if address == "local":
        # a token would be written into the user's own home; nobody else can reach a private Ray
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # threads that spin while they wait take the cores from whatever runs beside them, and then wait for that: a step of
    # two threads on a busy machine took 10 s in place of 0.5 s
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    silence()
    with contextlib.ExitStack() as own:
        stack = _kept or own
        options = stack.enter_context(_private(home)) if address == "local" else _existing(address)
        try:
            ray.init(address=address, **quiet, **options)
        except Exception as error:  # Ray raises nothing narrower where its processes take more than 30 s to start
            raise (_unstarted(error) if address == "local" else _unreachable(address, error)) from error
        stack.callback(ray.shutdown)
        if stack is _kept:
            stack.enter_context(_waiting_room())
        yield ray.cluster_resources()


def waiting() -> Waiting | None:
    """Where a study leaves its actors to the next one; None outside of `one_ray`."""
    return _waiting


@contextlib.contextmanager
def _waiting_room() -> Iterator[None]:
    global _waiting
    _waiting = Waiting()
    try:
        yield
    finally:
        _waiting = None


@contextlib.contextmanager
def _private(home: Path) -> Iterator[dict[str, Any]]:
    """Options of a Ray on this machine alone. Its files lie in a folder of this process, removed at the end."""
    place = home / "ray"
    with write_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    for left in place.iterdir():  # by a killed process: its Ray has ended, its files have not
        if not (left.name.isdigit() and psutil.pid_exists(int(left.name))):
            _remove(left)
    folder = place.resolve() / str(os.getpid())
    folder.mkdir(exist_ok=True)
    try:
        yield {
            "num_cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": str(_short(folder)),
        }
    finally:
        _remove(folder)


def _existing(address: str) -> dict[str, Any]:
    """Options of a cluster. Ray would try for a minute to reach one that is not there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
        except OSError as error:
            raise _unreachable(address, error) from error
    return {}


def _unstarted(error: Exception) -> ClusterError:
    return ClusterError(
        problem=f"Ray could not be started on this machine: {error}",
        remedy="if the machine is busy, run the command again later: what was committed is found again",
    )


def _unreachable(address: str, error: Exception) -> ClusterError:
    return ClusterError(
        problem=f"Ray at {address!r} could not be reached: {error}",
        remedy="unset RAY_ADDRESS to run on this machine alone, or check that the cluster is up",
    )


def share(resources: Resources, available: dict[str, float], jobs: int) -> Share:
    """How many workers to start for `jobs` jobs, and what each is given. Raises `ClusterError`."""
    cpus, gpus = max(1, int(available.get("CPU", 1))), available.get("GPU", 0.0)
    wanted = resources.gpu_share if resources.device in ("auto", "cuda") else 0.0
    if resources.device == "cuda" and gpus == 0:
        raise ClusterError(
            problem="resources.device is 'cuda', but Ray has no GPU",
            remedy="use resources.device=auto, or start Ray on machines with a GPU",
        )
    each = min(resources.threads, cpus)  # with fewer CPUs than threads, a job takes longer and has the same result
    places = cpus // each
    if gpus and wanted:
        places = min(places, int(gpus / wanted))
    if places == 0:
        raise ClusterError(
            problem=f"a worker needs {wanted} GPUs, Ray has {gpus:g}", remedy="lower resources.gpu_share"
        )
    workers = max(1, min(jobs, places, resources.actors or places))
    return Share(workers, wanted if gpus else 0.0, each)


def _link(folder: Path) -> Path:
    return LINKS / f"ws-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"


def _short(folder: Path) -> Path:
    """`folder`, or a short link to it where its path is too long for Ray's sockets."""
    if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder
    link = _link(folder)
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return link


def _remove(folder: Path) -> None:
    _link(folder).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
