"""Readers find what is there to be read, each kind what it can, and nothing where there is nothing."""

import pytest
import torch

from methods.invertibility.readout import Readout

READOUT = Readout(hidden=(32,), epochs=80, patience=10, learning_rate=1e-2, batch_size=50, neighbours=(1, 5))


def parts(rule, dimensions=4, sizes=(300, 100, 200)):
    draw = torch.Generator().manual_seed(0)
    rows = [torch.rand(n, dimensions, generator=draw) * 2 - 1 for n in sizes]
    return [(z * torch.tensor([1.0, 1, 100, 1])[:dimensions], rule(z)) for z in rows]


def test_a_linear_rule_is_read_by_all():
    found = READOUT(*parts(lambda z: (z[:, 0] > 0).long()), classes=2, seed=0)
    assert set(found.readers) == {"linear", "mlp", "nearest_1", "nearest_5"}
    assert found.readers["linear"].test < 0.05
    assert found.nuisance_error == found.readers[found.chosen].test < 0.05


def test_an_exclusive_or_is_read_by_the_mlp_and_not_by_the_linear_one():
    found = READOUT(*parts(lambda z: ((z[:, 0] > 0) ^ (z[:, 1] > 0)).long()), classes=2, seed=0)
    assert found.readers["linear"].test > 0.3
    assert found.readers["mlp"].test < 0.1
    assert found.chosen != "linear"
    best = min(reading.validation for reading in found.readers.values())
    assert found.readers[found.chosen].validation == best


def test_chance_is_read_as_chance_by_all():
    draw = torch.Generator().manual_seed(3)
    found = READOUT(*parts(lambda z: torch.randint(2, (len(z),), generator=draw)), classes=2, seed=0)
    assert all(0.35 < reading.test < 0.65 for reading in found.readers.values())
    assert found.readers["nearest_1"].train > 0.3  # no row is its own neighbour


def test_the_nearest_decides_a_tie():
    train = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 1, 2])
    test = torch.tensor([[0.4], [0.6], [4.0]]), torch.tensor([0, 1, 2])
    found = Readout(hidden=(2,), epochs=1, neighbours=(2,))(train, train, test, classes=3, seed=0)
    assert found.readers["nearest_2"].test == 0


def test_the_seed_decides_all_of_it():
    data = parts(lambda z: (z[:, 0] > 0).long())
    first, again = (READOUT(*data, classes=2, seed=4) for _ in range(2))
    assert first == again
    assert first.nuisance_error == pytest.approx(first.readers[first.chosen].test)
