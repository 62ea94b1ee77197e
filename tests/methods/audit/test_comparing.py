import itertools

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from methods.audit.comparing import best_of, mcnemar, weighted_accuracy


def right(n, images, rate, seed):
    return torch.rand(n, images, generator=torch.Generator().manual_seed(seed)) < rate


def test_the_difference_is_that_of_the_means():
    left, other = right(7, 300, 0.9, 0), right(3, 300, 0.8, 1)
    found = weighted_accuracy([(1.0, left), (-1.0, other)], seed=0)
    assert found["difference"] == pytest.approx((left.double().mean() - other.double().mean()).item())
    assert found["ci95"][0] < found["difference"] < found["ci95"][1]


def test_the_interval_of_one_model_is_that_of_its_images():
    model = right(1, 2000, 0.9, 2)
    low, high = weighted_accuracy([(1.0, model)], seed=0)["ci95"]
    rate = model.double().mean().item()
    assert high - low == pytest.approx(2 * 1.96 * (rate * (1 - rate) / 2000) ** 0.5, rel=0.1)


def test_many_models_that_all_differ_add_their_own_spread():
    images = torch.ones(50, 400, dtype=torch.bool)
    images[:25] = False  # half of the models right everywhere, half nowhere: images say nothing, models all
    low, high = weighted_accuracy([(1.0, images)], seed=0)["ci95"]
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 50**0.5, rel=0.1)


def test_the_same_images_for_both_sides():
    model = right(1, 500, 0.5, 3)
    assert weighted_accuracy([(1.0, model), (-1.0, model)], seed=0) == {"difference": 0, "ci95": [0, 0]}


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = 0
    for trial in range(200):
        a, b = right(10, 400, 0.8, 2 * trial), right(10, 400, 0.8, 2 * trial + 1)
        low, high = weighted_accuracy([(1.0, a), (-1.0, b)], seed=trial)["ci95"]
        held += low <= 0 <= high
    assert held >= 180


def test_mcnemar_counts_the_images_that_only_one_gets_right():
    a, b = torch.tensor([1, 1, 1, 1, 0, 0, 1]).bool(), torch.tensor([1, 0, 0, 0, 1, 0, 1]).bool()
    assert mcnemar(a, b) == {"only_first": 3, "only_second": 1, "p": binomtest(1, 4).pvalue}
    assert mcnemar(a, a)["p"] == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_best_of_is_the_mean_over_all_draws(count):
    values = [0.3, 0.9, 0.5, 0.5, 0.1]
    expected = np.mean([max(chosen) for chosen in itertools.combinations(values, count)])
    assert best_of(values, count) == pytest.approx(expected)
