"""Seeds by name."""

import random
import subprocess
import sys
from pathlib import Path

import torch

from methods import randomness

CHECKOUT = Path(__file__).parents[2]


def draw(*purpose):
    return torch.randn(4, generator=randomness.generator(*purpose)).tolist()


def test_equal_names_give_equal_numbers_whatever_was_drawn_elsewhere():
    first = draw(3, "noise", 1)
    torch.manual_seed(5)
    torch.randn(7)
    assert draw(3, "noise", 1) == first
    assert randomness.derive(3, "noise", 1) == randomness.derive(3, "noise", 1)


def test_any_other_name_gives_other_numbers():
    purposes = [(0,), (1,), (0, "a"), (0, "b"), (0, "a", 1), (0, "a", "1"), (0, "a1"), (0, "a", 0), (0, 0, "a")]
    assert len({tuple(draw(*purpose)) for purpose in purposes}) == len(purposes)
    assert len({randomness.derive(*purpose) for purpose in purposes}) == len(purposes)


def test_another_process_draws_the_same():
    script = (
        "from methods import randomness; print(randomness.derive(7, 'fit', 2), randomness.generator(7).initial_seed())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(randomness.derive(7, "fit", 2)), str(randomness.generator(7).initial_seed())]


def test_no_global_state_moves():
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    draw(0, "a")
    randomness.derive(0, "a")
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state


def test_derived_seeds_spread_over_their_whole_range():
    seeds = [randomness.derive(0, index) for index in range(4000)]
    assert len(set(seeds)) == 4000
    assert 0 <= min(seeds) < 2**21  # the smallest of 4000 uniform numbers exceeds 2^21 with probability 2 %
    assert 2**31 - 2**21 < max(seeds) < 2**31


def test_global_draws_are_those_of_seed_and_purpose_and_leave_no_trace():
    def dropped(seed, step):
        with randomness.global_draws(seed, "layers", step, device=torch.device("cpu")):
            return torch.nn.functional.dropout(torch.ones(100))

    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = dropped(0, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(dropped(0, 1), first)
    assert not torch.equal(dropped(0, 2), first)
    assert not torch.equal(dropped(1, 1), first)
