import math
import statistics

import numpy as np
import pytest

from methods.errors import BadData
from methods.evaluation.distribution import difference, distribution


def test_numbers_are_those_of_the_definition():
    values = [0.2, 0.9, 0.4, 0.7]
    found = distribution(values)
    assert found["n"] == 4
    assert found["mean"] == pytest.approx(statistics.fmean(values), abs=1e-15)
    assert found["median"] == pytest.approx(0.55)
    assert (found["best"], found["worst"]) == (0.9, 0.2)
    assert found["std"] == pytest.approx(statistics.stdev(values))
    assert found["accuracies"] == values  # the order of the models is kept


def test_a_single_model_is_its_own_interval():
    found = distribution([0.731])
    assert found["std"] == 0.0
    assert found["ci95"] == [0.731, 0.731]


def test_interval_agrees_with_normal_theory():
    values = np.clip(np.random.default_rng(1).normal(0.6, 0.05, size=400), 0, 1)
    found = distribution(values)
    half = 1.959964 * values.std(ddof=1) / math.sqrt(len(values))
    assert found["ci95"] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.12 * half)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    samples = rng.beta(8, 2, size=(300, 60))  # skewed, as accuracies near 1 are; the true mean is 0.8
    intervals = np.array([distribution(sample)["ci95"] for sample in samples])
    covered = ((intervals[:, 0] <= 0.8) & (intervals[:, 1] >= 0.8)).mean()
    assert 0.90 <= covered <= 0.98


def test_interval_of_a_difference_agrees_with_normal_theory():
    rng = np.random.default_rng(3)
    left, right = rng.normal(0.55, 0.02, 300), rng.normal(0.6, 0.04, 200)
    found = difference(left, right)
    half = 1.959964 * math.sqrt(left.var(ddof=1) / 300 + right.var(ddof=1) / 200)
    centre = left.mean() - right.mean()
    assert found["difference"] == pytest.approx(centre, abs=1e-15)
    assert found["ci95"] == pytest.approx([centre - half, centre + half], abs=0.12 * half)


def test_difference_of_two_single_models_is_exact():
    found = difference([0.75], [0.5])
    assert found == {"difference": 0.25, "ci95": [0.25, 0.25]}


def test_the_seed_decides_the_interval_and_nothing_else():
    values = np.random.default_rng(4).uniform(0.2, 0.8, 50)
    assert distribution(values, seed=5) == distribution(values, seed=5)
    one, other = distribution(values, seed=5), distribution(values, seed=6)
    assert one["ci95"] != other["ci95"]
    assert {**one, "ci95": None} == {**other, "ci95": None}


@pytest.mark.parametrize("values", [[], [0.5, 92.67], [float("nan")], [-0.1]])
def test_what_is_not_an_accuracy_is_refused(values):
    with pytest.raises(BadData):
        distribution(values)
