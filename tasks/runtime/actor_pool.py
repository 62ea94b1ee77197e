"""Ray actors of a study, its workers and its board. Within `one_ray` the next study finds them and starts none."""

from typing import Any

from tasks.runtime.cluster import ANSWER_SECONDS, waiting
from tasks.runtime.progress_board import ProgressBoard
from tasks.runtime.worker import Worker

RESTARTS = 2
"""How often a dead worker is started again; a job that ends its worker more often is at fault itself."""


class RayWorker(Worker):
    """A worker that Ray has made an actor."""

    def whole(self) -> bool:
        """Whether its process is the one that it was hired with."""
        import ray

        return not ray.get_runtime_context().was_current_actor_reconstructed


def acquire_worker(gpus: float, cpus: int) -> Any:
    """A worker that has these CPUs and so much of a GPU: one that waits, or a new one."""
    import ray

    here = waiting()
    while here and here.workers:
        *given, worker = here.workers.pop()
        if given == [gpus, cpus] and _answer(worker.whole):
            return worker
        ray.kill(worker)  # what it was given is free again
    options = {"num_cpus": cpus, "num_gpus": gpus, "max_restarts": RESTARTS, "max_task_retries": RESTARTS}
    return ray.remote(RayWorker).options(**options).remote()


def acquire_progress_board() -> Any:
    """A board with nothing written on it."""
    import ray

    here = waiting()
    while here and here.boards:
        board = here.boards.pop()
        if _answer(board.read) is not None:  # whatever the study before has not read is gone now
            return board
    return ray.remote(ProgressBoard).options(num_cpus=0).remote()


def release(workers: list[tuple[float, int, Any]], board: Any, *, well: bool) -> None:
    """Of a study that went `well` they may wait for the next one, where there can be one."""
    import ray

    here = waiting()
    if well and here is not None:
        here.workers.extend(workers)
        here.boards.append(board)
    else:
        for *_, worker in workers:
            ray.kill(worker)


def _answer(method: Any) -> Any:
    """What an idle actor says; None where it is dead or hangs."""
    import ray
    from ray.exceptions import GetTimeoutError, RayActorError

    try:
        return ray.get(method.options(max_task_retries=0).remote(), timeout=ANSWER_SECONDS)
    except (RayActorError, GetTimeoutError):
        return None
