"""Jobs on real Ray actors, and what becomes of them when a process dies, hangs or complains."""

import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import torch

from methods.errors import BadData, GateFailed
from storage.files import sha256
from storage.formats import publish_json, read_json
from tasks.runtime import cluster as ray_here
from tasks.runtime.actor_pool import RESTARTS
from tasks.runtime.pool import InlinePool, RayPool, WorkerLost, ray_pool
from tasks.runtime.resources import Resources
from tasks.runtime.worker import Job
from tasks.runtime.worker_cache import worker_cache

pytestmark = pytest.mark.stack

# a worker cannot import this module: its functions travel with the jobs
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray that claims to have a GPU; the pools find it connected and leave it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def pool(context_config, splits, watcher, tmp_path: Path) -> Iterator[RayPool]:
    with ray_pool(context_config(resources=Resources(device="auto")), splits, watcher, tmp_path) as pool:
        yield pool


def job(work: Callable[..., object], *arguments: object, target: Path) -> Job:
    return Job(work=work, arguments=arguments, target=str(target), label=target.stem)


def square(worker_context, number: int, folder: Path, *, target: str, on_step) -> None:
    """Publishes the square, with who computed it, on which share of a GPU, and how many did so at once."""
    mark = folder / f"running-{os.getpid()}-{number}"
    mark.touch()
    time.sleep(0.2)
    at_once = len(list(folder.glob("running-*")))
    mark.unlink()
    on_step("squaring", number, number)
    context = ray.get_runtime_context()
    gpu = context.get_assigned_resources().get("GPU", 0)
    told = {"square": number**2, "process": os.getpid(), "at_once": at_once, "gpu": gpu, "ids": ray.get_gpu_ids()}
    publish_json(target, told | {"threads": torch.get_num_threads(), "images": len(worker_context.train)})


def test_results_in_order_a_job_each_on_a_shared_gpu(pool: RayPool, tmp_path: Path) -> None:
    jobs = [job(square, number, tmp_path, target=tmp_path / f"{number}.json") for number in range(6)]
    publish_json(jobs[2].target, "committed earlier")
    inode = Path(jobs[2].target).stat().st_ino
    refs = pool.carry_out("squares", jobs)
    assert [ref.path for ref in refs] == [each.target for each in jobs]
    assert [ref.sha256 for ref in refs] == [sha256(each.target) for each in jobs]
    assert read_json(jobs[2].target) == "committed earlier"
    assert Path(jobs[2].target).stat().st_ino == inode
    told = {number: read_json(jobs[number].target) for number in (0, 1, 3, 4, 5)}
    assert {number: each["square"] for number, each in told.items()} == {number: number**2 for number in told}
    assert len({each["process"] for each in told.values()}) == 2
    assert os.getpid() not in {each["process"] for each in told.values()}
    assert {each["at_once"] for each in told.values()} <= {1, 2}
    assert [(each["gpu"], len(each["ids"]), each["threads"], each["images"]) for each in told.values()] == [
        (0.5, 1, 1, 12)
    ] * 5
    assert pool.watcher.stages == [("squares", 6, 1)]
    processes = {each["process"] for each in told.values()}
    more = [job(square, number, tmp_path, target=tmp_path / f"{number}.json") for number in (7, 8)]
    assert {read_json(ref.path)["process"] for ref in pool.carry_out("more", more)} <= processes
    assert {step[0] for step in pool.watcher.steps} == {"squaring"}
    assert {(label, done) for _, label, done, _ in pool.watcher.steps} <= {(str(n), n) for n in (0, 1, 3, 4, 5, 7, 8)}
    assert pool.carry_out("squares", jobs) == refs


def tell(worker_context, place: Path, *, target: str, on_step) -> None:
    """Says which process it is, and waits for longer than any test unless it is the second to try."""
    tries = len(list(place.glob("try-*")))
    (place / f"try-{tries}-{os.getpid()}").touch()
    if tries == 0:
        time.sleep(1000)
    publish_json(target, 42)


def kill_first(place: Path, killed: list[int]) -> None:
    """Kills exactly the process that says it is at work."""
    while not (found := list(place.glob("try-0-*"))):
        time.sleep(0.02)
    killed.append(int(found[0].name.rpartition("-")[2]))
    os.kill(killed[0], signal.SIGKILL)


def test_a_killed_worker_comes_back_and_does_its_job_again(pool: RayPool, tmp_path: Path) -> None:
    killed: list[int] = []
    killer = threading.Thread(target=kill_first, args=(tmp_path, killed), daemon=True)
    killer.start()
    others = [job(square, number, tmp_path, target=tmp_path / f"{number}.json") for number in range(3)]
    jobs = [job(tell, tmp_path, target=tmp_path / "told.json"), *others]
    refs = pool.carry_out("told", jobs)
    assert [read_json(ref.path) if ref is refs[0] else read_json(ref.path)["square"] for ref in refs] == [42, 0, 1, 4]
    assert not psutil.pid_exists(killed[0]) or psutil.Process(killed[0]).status() == psutil.STATUS_ZOMBIE
    assert len(list(tmp_path.glob("try-*"))) == 2


def poison(worker_context, place: Path, *, target: str, on_step) -> None:
    (place / f"victim-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_job_that_kills_every_worker_is_named(pool: RayPool, tmp_path: Path) -> None:
    with pytest.raises(WorkerLost, match=r"tonight, poison: its worker process died 3 times") as raised:
        pool.carry_out("tonight", [job(poison, tmp_path, target=tmp_path / "poison.json")])
    assert "memory" in raised.value.remedy
    assert len(list(tmp_path.glob("victim-*"))) == RESTARTS + 1
    assert pool.workers == []
    after = job(square, 3, tmp_path, target=tmp_path / "after.json")
    assert read_json(pool.carry_out("after", [after])[0].path)["square"] == 9


COMPLAINT = {"problem": "too high", "remedy": "lower it", "gate": "height", "value": 3.0, "limit": 2.0}


def complain(worker_context, *, target: str, on_step) -> None:
    raise GateFailed(**COMPLAINT)


def break_down(worker_context, *, target: str, on_step) -> None:
    raise ZeroDivisionError("no error of ours")


def clear_worker_caches(worker_context, *, target: str, on_step) -> None:
    """Ends well without having published anything."""


def test_errors_arrive_as_what_they_are(pool: RayPool, context_config, splits, tmp_path: Path) -> None:
    target = tmp_path / "never.json"
    with pytest.raises(GateFailed) as raised:
        pool.carry_out("gate", [job(complain, target=target)])
    error = raised.value
    assert type(error) is GateFailed
    assert (error.problem, error.remedy, error.gate, error.value, error.limit) == (
        "too high",
        "lower it",
        "height",
        3,
        2,
    )
    with pytest.raises(ZeroDivisionError, match="no error of ours"):
        pool.carry_out("bug", [job(break_down, target=target)])
    with pytest.raises(WorkerLost, match="no result of never"):
        pool.carry_out("nothing", [job(clear_worker_caches, target=target)])
    pool.context_config = context_config(network=TooLarge())
    pool.workers.clear()
    with pytest.raises(BadData, match="8×8"):
        pool.carry_out("small images", [job(square, 1, tmp_path, target=target)])
    assert not target.exists()


@dataclasses.dataclass(frozen=True)
class TooLarge:
    """A network that no image here is large enough for."""

    kind: str = "too_large"
    minimum_size: int = 9


def hang(worker_context, *, target: str, on_step) -> None:
    Path(target).with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(1000)


def test_a_job_that_hangs_is_given_up(pool: RayPool, context_config, tmp_path: Path) -> None:
    pool.carry_out("warm up", [job(square, 1, tmp_path, target=tmp_path / "1.json")])
    pool.context_config = context_config(resources=Resources(job_hours=2 / 3600))
    with pytest.raises(WorkerLost, match=r"hanging, slow: no result after") as raised:
        pool.carry_out("hanging", [job(hang, target=tmp_path / "slow.json")])
    assert "resources.job_hours" in raised.value.remedy
    hung = int((tmp_path / "slow.pid").read_text())
    gone = time.monotonic() + 30
    while psutil.pid_exists(hung) and psutil.Process(hung).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < gone, "the hanging process was left behind"
        time.sleep(0.1)
    assert pool.workers == []


def remember(worker_context, number: int, *, target: str, on_step) -> None:
    on_step("inline", number, 2)
    publish_json(target, [number, len(worker_context.test)])


def test_inline_does_the_same_without_ray(context_config, splits, watcher, tmp_path: Path) -> None:
    pool = InlinePool(context_config(), splits, watcher)
    jobs = [job(remember, number, target=tmp_path / f"{number}.json") for number in (2, 1)]
    publish_json(jobs[0].target, "earlier")
    refs = pool.carry_out("stage", jobs)
    assert [read_json(ref.path) for ref in refs] == ["earlier", [1, 10]]
    assert pool.watcher.stages == [("stage", 2, 1)]
    assert pool.watcher.steps == [("inline", "1", 1, 2)]


def test_a_job_is_done_again_where_a_file_beside_its_target_is_missing(
    context_config, splits, watcher, tmp_path
) -> None:
    beside = tmp_path / "beside.json"
    again = dataclasses.replace(job(remember, 1, target=tmp_path / "1.json"), beside=(str(beside),))
    publish_json(again.target, "earlier")
    pool = InlinePool(context_config(), splits, watcher)
    assert read_json(pool.carry_out("stage", [again])[0].path) == [1, 10]
    publish_json(again.target, "earlier")
    publish_json(beside, "there")
    assert read_json(pool.carry_out("stage", [again])[0].path) == "earlier"


def look(worker_context, folder: Path, *, target: str, on_step) -> None:
    """Publishes its process, what it was given, and how many it has met of what is kept for one study."""
    met = ray.get_runtime_context().get_actor_id()
    lot = {"process": os.getpid(), "actor": met, "images": len(worker_context.train), "met": len(seen(str(folder)))}
    seen(str(folder)).append(target)
    time.sleep(0.5)
    on_step("looking", 1, 1)
    publish_json(target, lot | {"gpu": ray.get_runtime_context().get_assigned_resources().get("GPU", 0)})


def seen(folder: str) -> list[str]:
    """Of this process: the cache is a module of the worker's, this one travels to it with every job."""
    import tasks.runtime.worker_cache as memory

    if not hasattr(memory, "seen"):
        memory.seen = worker_cache(1)(lambda folder: [])
    return memory.seen(folder)


def looked(pool: RayPool, folder: Path, stage: str, count: int = 2) -> list[dict[str, Any]]:
    jobs = [job(look, folder, target=folder / f"{stage}-{number}.json") for number in range(count)]
    return [read_json(ref.path) for ref in pool.carry_out(stage, jobs)]


def by(told: list[dict[str, Any]], key: str) -> set[Any]:
    return {each[key] for each in told}


@pytest.mark.timeout(600)
def test_the_next_study_finds_the_workers_and_nothing_else(
    context_config, splits, watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_here, "_waiting", here := ray_here.Waiting())
    auto = context_config(resources=Resources(device="auto"))
    with ray_pool(auto, splits, watcher, tmp_path) as pool:
        first, board = looked(pool, tmp_path, "first", 4), pool.board
    assert by(first, "images") == {12}
    assert by(first, "met") >= {0, 1}  # from job to job
    assert len(here.workers) == len(by(first, "process")) == 2
    fewer = dataclasses.replace(splits, train=splits.validation)
    with ray_pool(auto, fewer, watcher, tmp_path) as pool:
        second = looked(pool, tmp_path, "second")
        assert pool.board is board
    assert by(second, "process") == by(first, "process")
    assert by(second, "images") == {9}
    assert by(second, "met") == {0}

    # one dies while it waits: it is replaced, though Ray would bring it back
    dead = second[0]
    os.kill(dead["process"], signal.SIGKILL)
    third: list[dict[str, Any]] = []

    def fail_in_the_end() -> None:
        with ray_pool(auto, splits, watcher, tmp_path) as pool:
            third.extend(looked(pool, tmp_path, "third"))
            pool.carry_out("gate", [job(complain, target=tmp_path / "never.json")])

    with pytest.raises(GateFailed):
        fail_in_the_end()
    assert second[1]["process"] in by(third, "process")
    assert dead["actor"] not in by(third, "actor")
    assert len(by(third, "actor")) == 2
    assert here.workers == []  # of a study that failed nobody is handed on

    with ray_pool(auto, splits, watcher, tmp_path) as pool:
        fourth = looked(pool, tmp_path, "fourth", 1)
    assert by(fourth, "actor").isdisjoint(by(third, "actor"))
    whole = context_config(resources=Resources(device="auto", gpu_share=1.0))
    with ray_pool(whole, splits, watcher, tmp_path) as pool:
        (fifth,) = looked(pool, tmp_path, "fifth", 1)
    assert fifth["gpu"] == 1  # which the one that waited with half of it has made room for
    for *_, worker in here.workers:
        ray.kill(worker)
