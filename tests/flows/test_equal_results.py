"""One configuration, one result: on any cores and workers, in this process or Ray's, after any interruption."""

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.runtime.timings import SUFFIX
from tests.flows.whole_study import STUDIES, run_studies

pytestmark = pytest.mark.timeout(1200)  # on a busy machine; about a minute and a half of computing

TIMED = {"attacks", "judged", "nuisance", "cells", "strategies"}
"""Stages whose products tell seconds in a column or field `seconds`; no later key contains their hashes."""
SECONDS = {"seconds", "alignment_seconds", "seconds_per_image", "inverse_over_forward"}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.flows.whole_study"])


def begun(home: Path, how: str, cores: int, workers: int, studies: list[str]) -> Any:
    home.mkdir(exist_ok=True)
    process = FORKS.Process(target=run_studies, args=(home, how, cores, workers, studies))
    process.start()
    return process


def ran(home: Path, how: str, cores: int, workers: int, studies: list[str]) -> tuple[dict[str, str], Any]:
    process = begun(home, how, cores, workers, studies)
    process.join()
    assert process.exitcode == 0
    return contents(home), found(home, studies)


def contents(home: Path) -> dict[str, str]:
    """sha256 of every product by its place below the store, seconds left out."""
    store = home / "store"
    files = [path for path in sorted(store.rglob("*")) if path.is_file() and not path.name.endswith(SUFFIX)]
    return {str(path.relative_to(store)): _sha256(path, home) for path in files}


def _sha256(path: Path, home: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".json":
        content = content.replace(str(home).encode(), b"HOME")  # records tell where a set lies
    if path.parent.name in TIMED:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            content = repr(table.drop_columns(["seconds"]).to_pydict()).encode()
        else:
            content = json.dumps(timeless(json.loads(content))).encode()
    return hashlib.sha256(content).hexdigest()


def found(home: Path, studies: list[str]) -> Any:
    """What the studies found, without seconds, and without where it lies."""
    return {
        name: timeless(json.loads((home / f"{name}.json").read_text().replace(str(home), "HOME"))) for name in studies
    }


def timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    timed = TIMED & set(Path(str(value.get("path"))).parts)  # its hash tells the seconds
    return {
        name: timeless(each) for name, each in value.items() if name not in SECONDS and not (timed and name == "sha256")
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Any]:
    """All studies in one process that may use all cores."""
    products, told = ran(tmp_path_factory.mktemp("usual") / "home", "inline", 2, 1, list(STUDIES))
    stages = {place.partition("/")[0] for place in products}
    assert {"base", "snapshots", "fits", "generated", "scores", "audits", *TIMED, "transplants", "alignments"} <= stages
    assert {"metamers", "invertible", "inpainter", "protected", "fills", "fine_tuned", "mistakes", "masking"} <= stages
    return products, told


def test_killed_at_three_places_and_resumed_on_one_core(usual, tmp_path: Path, until: Callable[..., None]) -> None:
    """Also a study whose cells are whole runs, which find what a killed one left in the middle of a cell."""
    products, told = usual
    studies, home = ["parameter_diffusion", "ablations"], tmp_path / "home"
    for stage in ("collected", "generated", "cells"):
        process = begun(home, "inline", 1, 1, studies)
        until(lambda: list((home / "store" / stage).glob("*")), 120, lambda: f"no {stage}", None)  # noqa: B023
        time.sleep(0.05)
        process.kill()
        process.join()
        assert process.exitcode == -9, "it ended before it was killed"
    assert not (home / "ablations.json").exists()
    again, seen = ran(home, "inline", 1, 1, studies)
    assert again == {place: products[place] for place in again}
    assert len(again) > 60
    assert seen == {name: told[name] for name in studies}


@pytest.mark.stack
@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2)])
def test_rays_workers_have_the_results_of_one_process(cores: int, workers: int, usual, tmp_path: Path) -> None:
    products, told = usual
    again, seen = ran(tmp_path / "home", "ray", cores, workers, list(STUDIES))
    assert again == products
    assert seen == told
