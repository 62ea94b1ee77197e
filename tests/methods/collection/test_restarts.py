"""Restarts as a plan; that each begins from other values is told by `tests/tasks/test_collect.py`."""

from methods.collection.strategy import LastPhase, Restarts, Training

BRIEF = Training(epochs=2)


def test_every_restart_warms_up_and_then_keeps_its_rows() -> None:
    plan = Restarts(keep=("linear.*",), first=BRIEF, warm=BRIEF, then=BRIEF, restarts=3, rows=10, views=2).phases()
    told = [(phase.begin, phase.draw, phase.rows) for phase in plan]
    restarts = [each for number in (1, 2, 3) for each in (("rows", number, 0), ("here", 3 + number, 10))]
    assert told == [("here", 0, 0), *restarts]
    assert plan[0].train == ("*",)
    assert {phase.train for phase in plan[1:]} == {("linear.*",)}
    assert {phase.views for phase in plan[1:]} == {2}


def test_runs_are_counted() -> None:
    assert Restarts(first=BRIEF, warm=BRIEF, then=BRIEF, restarts=5).runs == 5
    assert LastPhase(first=BRIEF, then=BRIEF).runs == 1
