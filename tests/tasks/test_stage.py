"""Stages: plain calls outside a flow, Prefect tasks inside; only what may pass by itself is tried again."""

import pytest

from tasks.runtime import stage as stages
from tasks.runtime.stage import TRANSIENT, stage


@stage
def double(number: int) -> int:
    """Twice as much."""
    return 2 * number


FAILURES: list[Exception] = []


@stage
def unreliable() -> str:
    if FAILURES:
        raise FAILURES.pop()
    return "done"


def test_outside_a_flow_it_is_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "_as_task", lambda function: pytest.fail("Prefect was asked"))
    assert double(4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Twice as much.")


@pytest.mark.stack
def test_inside_a_flow_it_is_a_task() -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId
    from prefect.context import FlowRunContext
    from prefect.testing.utilities import prefect_test_harness

    @flow
    def study(failures: int, kind: type[Exception]) -> tuple[str, int, str]:
        FAILURES[:] = [kind("later") for _ in range(failures)]
        return str(FlowRunContext.get().flow_run.id), double(3), unreliable()

    with prefect_test_harness(server_startup_timeout=120):
        run, doubled, said = study(1, ConnectionError)
        assert (doubled, said) == (6, "done")
        with get_client(sync_client=True) as client:
            of_run = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run]))
            tasks = {each.name.rpartition("-")[0]: each for each in client.read_task_runs(task_run_filter=of_run)}
        assert {name: (each.state_name, each.run_count) for name, each in tasks.items()} == {
            "double": ("Completed", 1),
            "unreliable": ("Completed", 2),
        }
        with pytest.raises(ValueError, match="later"):
            study(2, ValueError)
        assert len(FAILURES) == 1, "what will not pass by itself was tried again"


@pytest.mark.parametrize(
    ("error", "again"),
    [
        *((kind("x"), True) for kind in (*TRANSIENT, ConnectionResetError)),
        *((kind("x"), False) for kind in (ValueError, OSError, MemoryError)),
    ],
)
def test_what_is_tried_again(error: Exception, again: bool) -> None:
    class State:
        def result(self, raise_on_failure: bool) -> Exception:
            assert not raise_on_failure
            return error

    assert stages.transient(None, None, State()) is again
