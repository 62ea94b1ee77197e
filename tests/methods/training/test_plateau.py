"""Annealing at a plateau: when the rate begins to fall, how far, and when the training ends."""

import itertools
import math

import pytest
import torch
from torch import nn

from methods.training.descent import descend
from methods.training.plateau import PlateauAnnealing


def trained(errors, *, every=10, patience=30, steps=300):
    """A training whose errors are given; returns the plateau, the steps taken and the factor of each step."""
    given = iter(errors)
    annealing = PlateauAnnealing(lambda: next(given), every=every, patience=patience, steps=steps)
    factors, done = [annealing.factor(0)], 0
    for done in range(1, steps + 1):
        factors.append(annealing.factor(done))
        if annealing(done):
            break
    return annealing.plateau, done, factors


def test_the_rate_falls_after_patience_without_a_smaller_error():
    plateau, done, factors = trained([5.0, 4.0, 4.0, 4.5, 4.1])
    assert (plateau, done) == (50, 75)
    assert factors[:51] == [1.0] * 51
    assert all(left > right for left, right in itertools.pairwise(factors[50:]))
    assert factors[-1] == 0.0


def test_a_smaller_error_begins_the_patience_anew():
    assert trained([5.0, 5.0, 5.0, 4.9, 5.0, 5.0, 5.0])[0] == 70


@pytest.mark.parametrize(("steps", "expected"), [(300, (200, 300)), (310, (200, 300)), (20, (10, 15)), (10, (10, 10))])
def test_an_error_that_always_falls_is_annealed_within_the_budget(steps, expected):
    plateau, done, factors = trained([1 / each for each in range(1, 100)], steps=steps)
    assert (plateau, done) == expected
    assert len(factors) == done + 1


def test_errors_that_are_not_numbers_are_never_the_smallest():
    assert trained([math.nan] * 3)[:2] == (30, 45)
    assert trained([2.0, math.nan, math.nan, math.nan])[:2] == (40, 60)


def test_the_error_is_looked_at_only_while_the_rate_is_constant():
    annealing = PlateauAnnealing(iter([3.0, 3.0, 3.0]).__next__, every=5, patience=10, steps=100)
    taken = next(step for step in range(1, 101) if annealing(step))
    assert annealing.curve().x == (5.0, 10.0, 15.0)
    assert annealing.curve().y == (3.0, 3.0, 3.0)
    assert taken == 23  # 15 and half of that, rounded up


def test_a_training_that_ends_early_still_looks_at_its_last_losses():
    network, heard = nn.Linear(2, 1), []
    curve = descend(
        network.parameters(),
        lambda: network(torch.ones(1, 2)).square().mean(),
        stage="some",
        steps=10_000,  # 50 losses make a point
        learning_rate=1e-3,
        until=lambda done: done == 70,
        on_step=lambda *told: heard.append(told),
    )
    assert curve.x == (50.0, 70.0)
    assert heard[-1] == ("some", 10_000, 10_000)
