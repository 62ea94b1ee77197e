"""Nothing of Ray's is printed, and what it said is kept."""

import logging

import pytest

from tasks.runtime import ray_output

RETRY = "Task RayWorker.do failed. There are 2 retries remaining"
DEATH = (
    "A worker died or was killed while executing a task by an unexpected system error: (1) the OOM killer, or (2) ..."
)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch):
    from ray._private import worker

    monkeypatch.setattr(worker, "print_to_stdstream", worker.print_to_stdstream)  # restored at the end
    heard: list[str] = []
    ray_output.listen(heard.append)
    yield heard
    ray_output.listen(None)


def test_errors_of_rays_processes_are_kept_and_told_in_one_sentence(heard, capfd) -> None:
    from ray._private import worker

    ray_output.silence()
    for line in (RETRY, DEATH):
        worker.print_to_stdstream({"lines": [line], "pid": "raylet", "is_err": False}, ignore_prefix=False)
    logging.getLogger("ray._private.worker").warning("Warning: the autoscaler")
    assert capfd.readouterr() == ("", "")
    assert ray_output.messages()[-3:] == [
        "Task RayWorker.do failed. There are 2 retries remaining",
        DEATH,
        "Warning: the autoscaler",
    ]
    (said,) = heard
    assert "worker process died" in said
    assert "OOM" not in said


def test_the_function_that_ray_prints_with_is_the_one_that_is_replaced() -> None:
    """Ray has no switch for this; where a new version of Ray prints otherwise, this fails."""
    import inspect

    from ray._private import worker

    assert "print_to_stdstream(" in inspect.getsource(worker.listen_error_messages)
