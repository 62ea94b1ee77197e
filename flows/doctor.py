"""Is everything there that a run needs? One line per thing, with what to do where something is wrong."""

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from storage import datasets
from storage.errors import StorageError
from storage.lock import home_lock
from storage.tracking import outbox
from tasks.runtime.cluster import ClusterError, connected
from tasks.runtime.source_digest import ROOT

LEAST_FREE_BYTES = 2 * 2**30


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What was found; `remedy` says what to do and is empty where all is well."""

    what: str
    remedy: str = ""


def examine(home: Path, output: Console) -> bool:
    """Prints a table of findings; whether all is well."""
    table = Table("", "", "found", "what to do", box=None, pad_edge=False)
    well = True
    for name, check in CHECKS.items():
        with output.status(f"looking at {name}"):
            finding = check(home)
        well = well and not finding.remedy
        table.add_row("[red]✗[/]" if finding.remedy else "[green]✓[/]", name, finding.what, finding.remedy)
    output.print(table)
    return well


def versions(_: Path) -> Finding:
    packages = ("prefect", "ray", "mlflow", "pyarrow", "torch", "torchvision", "numpy")
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    old = sys.version_info < (3, 11)
    return Finding(f"Python {platform.python_version()}, {found}", "use Python 3.11 or newer" if old else "")


def pins(_: Path) -> Finding:
    """Combinations outside these fail silently or in odd places."""
    from packaging.requirements import Requirement

    wrong = []
    for line in importlib.metadata.requires("weightsmith") or ():
        requirement = Requirement(line)
        if requirement.marker is None and importlib.metadata.version(requirement.name) not in requirement.specifier:
            wrong.append(
                f"{requirement.name} is {importlib.metadata.version(requirement.name)}, not {requirement.specifier}"
            )
    return Finding("; ".join(wrong) or "as required", "install with constraints.txt: `make setup`" if wrong else "")


def checkout(_: Path) -> Finding:
    """The five root names are common words; another package of that name would win silently."""
    import flows
    import methods
    import models
    import storage
    import tasks

    strange = [
        m.__name__ for m in (flows, methods, models, storage, tasks) if not str(m.__file__).startswith(str(ROOT))
    ]
    return Finding(str(ROOT), f"{', '.join(strange)} come from elsewhere: run inside the checkout" if strange else "")


def devices(_: Path) -> Finding:
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    mps = ["Apple GPU (mps)"] if torch.backends.mps.is_available() else []
    return Finding(f"{os.cpu_count()} CPUs, {', '.join(gpus + mps) or 'no GPU'}")


def ray(home: Path) -> Finding:
    try:
        with connected(home) as resources:
            shown = ", ".join(f"{resources[kind]:g} {kind}" for kind in ("CPU", "GPU") if resources.get(kind))
            return Finding(f"{os.environ.get('RAY_ADDRESS') or 'private, on this machine'}: {shown}")
    except ClusterError as error:
        return Finding(error.problem, error.remedy)


def prefect(_: Path) -> Finding:
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME

    url = PREFECT_API_URL.value()
    return Finding(f"{url or 'no server: a temporary one per run'}, state in {PREFECT_HOME.value()}")


def mlflow(home: Path) -> Finding:
    from storage.tracking.runs import TrackingFailed, reach, shown_uri, tracking_uri

    try:
        left = len(outbox.waiting(home))
        found = f"{shown_uri(tracking_uri(home))}, {reach(home)} experiments, {left} runs in the outbox"
        return Finding(found, "send them with `weightsmith log`" if left else "")
    except TrackingFailed as error:
        return Finding(error.problem, error.remedy)


def data(home: Path) -> Finding:
    splits = datasets.load(datasets.Data(), home=home)
    sets = home / "data"
    kept = [path.name for path in sets.iterdir()] if sets.is_dir() else []
    return Finding(
        f"digits ({len(splits.train) + len(splits.validation) + len(splits.test)} images), {sets}: {kept or 'empty'}"
    )


def disk(home: Path) -> Finding:
    existing = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    remedy = "" if free > LEAST_FREE_BYTES else "free some space or choose another --home"
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=existing):
        return Finding(f"{home}: {free / 2**30:.1f} GiB free", remedy)
    return Finding(f"{home} cannot be written", "choose another --home, or make it writable")


def lock(home: Path) -> Finding:
    if not home.is_dir():
        return Finding("free (nothing has run here yet)")
    try:
        with home_lock(home):
            return Finding("free")
    except StorageError as error:
        return Finding(f"{error.problem} (a run is going on)")


CHECKS: dict[str, Callable[[Path], Finding]] = {
    check.__name__: check for check in (versions, pins, checkout, devices, disk, lock, data, ray, prefect, mlflow)
}
