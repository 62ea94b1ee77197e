"""Every strategy of the table as a plan; that rows come out as planned is told by `tests/tasks/test_collect.py`."""

import itertools
from fnmatch import fnmatchcase
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.collection.phase import Phase, Training, scaled
from methods.collection.retraining import RetrainConv, RetrainConvBn, RetrainFirst
from methods.collection.shrinking import FourBn, Shrink, ShrinkConv, ShrinkReordered
from methods.collection.strategy import LastPhase, Restarts, Strategy
from methods.collection.whole import ManySeeds, WholeRun
from models import CifarResNet, build

SHRINKING = (Shrink, ShrinkReordered, ShrinkConv, FourBn)
RETRAINING = (RetrainFirst, RetrainConv, RetrainConvBn)
BRIEF = Training(epochs=2)
NETWORK = build(CifarResNet(width=1), classes=3, shape=(1, 8, 8), mean=(0.5,), std=(0.3,), seed=0)
NAMES = dict(NETWORK.named_parameters())


def plan(strategy: type) -> tuple[Phase, ...]:
    if strategy is LastPhase:
        return LastPhase(first=BRIEF, then=BRIEF).phases()
    if strategy is Restarts:
        return Restarts(first=BRIEF, warm=BRIEF, then=BRIEF).phases()
    return strategy().phases()


def matched(patterns: tuple[str, ...]) -> set[str]:
    return {name for name in NAMES if any(fnmatchcase(name, pattern) for pattern in patterns)}


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_every_plan_trains_everything_first_and_names_what_resnet_18_has(strategy: type) -> None:
    phases = plan(strategy)
    assert matched(phases[0].train) == set(NAMES)
    assert phases[0].opens
    assert not any(phase.opens for phase in phases[1:])
    for phase in phases:
        patterns = (*phase.train, *(phase.reinitialise.names if phase.reinitialise else ()))
        assert all(matched((pattern,)) for pattern in patterns)


@pytest.mark.parametrize("strategy", [each for each in get_args(Strategy) if each is not WholeRun])
def test_no_phase_repeats_the_batches_of_another(strategy: type) -> None:
    """Their order follows from the draw and from what trains; only `whole_run` is meant to repeat its first phase."""
    drawn = [(phase.draw, *sorted(phase.train)) for phase in plan(strategy)]
    assert len(set(drawn)) == len(drawn)


def test_no_phase_repeats_them_where_all_train_the_same_layers() -> None:
    whole = LastPhase(keep=("*",), first=BRIEF, then=BRIEF), Shrink(stages=(("linear.*",), ("linear.*",)))
    for strategy in (*whole, Restarts(keep=("*",), first=BRIEF, warm=BRIEF, then=BRIEF)):
        drawn = [(phase.draw, *sorted(phase.train)) for phase in strategy.phases()]
        assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("strategy", [*SHRINKING, WholeRun, ManySeeds])
@given(rows=st.integers(1, 50))
def test_rows_are_shared_among_the_phases(strategy: type, rows: int) -> None:
    phases = strategy(rows=rows).phases()
    kept = [phase.rows for phase in phases[1:]]
    assert sum(kept) == strategy(rows=rows).planned == rows
    assert max(kept) - min(kept) <= 1


@pytest.mark.parametrize(
    ("strategy", "sizes", "epochs"),
    [
        (Shrink, [6, 4, 2], 100),
        (ShrinkReordered, [6, 4, 2], 50),
        (ShrinkConv, [8, 5, 2], 100),
        (FourBn, [10, 8, 6, 4, 2], 50),
    ],
)
def test_ever_fewer_layers_train(strategy: type, sizes: list[int], epochs: int) -> None:
    phases = strategy().phases()[1:]
    assert [len(matched(phase.train)) for phase in phases] == sizes
    assert {phase.training.epochs for phase in phases} == {epochs}
    moving = [matched(phase.train) for phase in phases]
    assert all(later < earlier for earlier, later in itertools.pairwise(moving))
    assert moving[-1] == {"linear.weight", "linear.bias"} == matched(strategy().keep)


def test_reordered_is_the_same_in_another_order() -> None:
    one, two = Shrink().phases()[1:], ShrinkReordered().phases()[1:]
    assert [matched(phase.train) for phase in one] == [matched(phase.train) for phase in two]
    assert [phase.train for phase in one] != [phase.train for phase in two]


@pytest.mark.parametrize(
    ("strategy", "count", "epochs"), [(RetrainFirst, 3, 10), (RetrainConv, 7, 100), (RetrainConvBn, 17, 100)]
)
def test_cycles_damage_and_train_again(strategy: type, count: int, epochs: int) -> None:
    first, *cycles = strategy(rows=30).phases()
    assert (first.training.epochs, first.until, first.keeps) == (100, 0.8888, False)
    assert len(cycles) == 30  # each keeps at least one row
    assert [phase.draw for phase in cycles] == list(range(1, 31))
    for phase in cycles:
        assert len(matched(phase.reinitialise.names)) == count
        assert (phase.training.epochs, phase.most_epochs, phase.rows) == (epochs, 2 * epochs, 0)
        assert matched(phase.train) == set(NAMES)


@pytest.mark.parametrize(
    "strategy", [strategy for strategy in get_args(Strategy) if strategy not in (LastPhase, Restarts)]
)
def test_all_epochs_scale(strategy: type) -> None:
    half = strategy(scale=0.5, rows=5).phases()
    whole = strategy(rows=5).phases()
    assert [2 * phase.training.epochs for phase in half] == [phase.training.epochs for phase in whole]
    assert [phase.train for phase in half] == [phase.train for phase in whole]


def test_scaling_leaves_at_least_one_epoch() -> None:
    assert scaled(Training(epochs=10), 0.01).epochs == 1
    assert scaled(Training(epochs=10), 0.25).epochs == 2


def test_openings_are_equal_where_strategies_begin_alike() -> None:
    """So that a study trains one network for all of them."""
    assert len({strategy().phases()[0] for strategy in (*SHRINKING, WholeRun, ManySeeds)}) == 1
    assert len({strategy().phases()[0] for strategy in RETRAINING}) == 1
