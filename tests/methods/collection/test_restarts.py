"""Restarts as a plan; that each begins from other values is told by `tests/tasks/test_collect.py`."""

from methods.collection.strategy import LastPhase, Restarts, Training

BRIEF = Training(epochs=2)


def test_every_restart_warms_up_and_then_keeps_its_rows() -> None:
    plan = Restarts(keep=("linear.*",), first=BRIEF, warm=BRIEF, then=BRIEF, restarts=3, rows=10, views=2).phases()
    told = [(phase.restart, phase.rows) for phase in plan]
    assert told == [(0, 0), (1, 0), (0, 10), (2, 0), (0, 10), (3, 0), (0, 10)]
    assert plan[0].train == ("*",)
    assert {phase.train for phase in plan[1:]} == {("linear.*",)}
    assert {phase.views for phase in plan[1:]} == {2}


def test_runs_are_counted() -> None:
    assert Restarts(first=BRIEF, warm=BRIEF, then=BRIEF, restarts=5).runs == 5
    assert LastPhase(first=BRIEF, then=BRIEF).runs == 1
