"""Early stopping: the least error decides, and its state comes back."""

import torch
from torch import nn

from methods.training.descent import descend
from methods.training.early_stopping import EarlyStopping


def stopped(errors, *, every=10, patience=20, steps=100):
    """Training in which a parameter grows by 1 a step and the errors are given."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    given = iter(errors)
    stopping = EarlyStopping(network, lambda: next(given), every=every, patience=patience)
    done = 0
    for step in range(1, steps + 1):
        done = step
        with torch.no_grad():
            network.weight += 1
        if stopping(step):
            break
    stopping.restore()
    return stopping, network.weight.item(), done


def test_the_state_of_the_least_error_comes_back():
    stopping, weight, done = stopped([5.0, 4.0, 3.0, 3.5, 3.2, 1.0])
    assert (stopping.best, stopping.best_step, weight, done) == (3.0, 20, 20.0, 40)
    assert stopping.curve().x == (0.0, 10.0, 20.0, 30.0, 40.0)


def test_training_that_never_helps_gives_back_the_start():
    assert stopped([1.0, 2.0, 2.0])[1:] == (0.0, 20)


def test_errors_that_are_no_numbers_are_never_the_least():
    nan = float("nan")
    assert stopped([nan, nan, 2.0, nan, nan])[1:] == (20.0, 40)
    assert stopped([1.0, nan, nan])[1:] == (0.0, 20)


def test_training_that_goes_on_improving_takes_all_steps():
    assert stopped([float(each) for each in range(20, 0, -1)])[1:] == (100.0, 100)


def test_descend_stops_when_it_is_asked_to_and_says_that_it_is_done():
    network, heard = nn.Linear(2, 1), []
    curve = descend(
        network.parameters(),
        lambda: network(torch.ones(1, 2)).square().mean(),
        stage="some",
        steps=1000,
        learning_rate=1e-3,
        until=lambda done: done == 30,
        on_step=lambda *told: heard.append(told),
    )
    assert curve.x[-1] == 30
    assert heard[-1] == ("some", 1000, 1000)
