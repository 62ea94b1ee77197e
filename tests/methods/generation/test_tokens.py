"""Cutting rows into tokens and joining them again."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.generation.tokens import Tokens

SHAPES = st.tuples(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 17))


@given(SHAPES, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_cutting_and_joining_is_exact_and_covers_the_row_once(shape, most):
    sizes, width = shape
    tokens = Tokens(tuple(sizes), width)
    rows = torch.randn(3, sum(sizes), generator=torch.Generator().manual_seed(0))
    joined, seen = [], []
    for block, columns in tokens.blocks(most):
        values = tokens.cut(rows[:, columns])
        assert values.shape == (3, block.stop - block.start, width)
        assert columns.stop - columns.start <= max(most, width)
        joined.append(tokens.join(values, columns.stop - columns.start))
        seen += range(block.start, block.stop)
    assert torch.equal(torch.cat(joined, 1), rows)
    assert seen == list(range(tokens.count))


@given(SHAPES, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_no_token_straddles_two_tensors(shape, most):
    sizes, width = shape
    tokens = Tokens(tuple(sizes), width)
    owner = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)).float()[None]
    within = torch.cat([torch.arange(size) for size in sizes]).float()[None]
    for block, columns in tokens.blocks(most):
        owners, places = tokens.cut(owner[:, columns])[0], tokens.cut(within[:, columns])[0]
        for i, token in enumerate(range(block.start, block.stop)):
            assert (owners[i, : tokens.length[token]] == tokens.layer[token]).all()
            assert places[i, 0] == tokens.place[token] * width
    assert tokens.count == sum(-(-size // width) for size in sizes)


def test_what_stands_in_the_filling_is_dropped():
    tokens = Tokens((3, 5), 4)
    (_, first), (_, second) = tokens.blocks(8)
    row = torch.arange(1.0, 9)[None]
    assert tokens.cut(row[:, first]).tolist() == [[[1, 2, 3, 0]]]
    values = tokens.cut(row[:, second])
    assert values.tolist() == [[[4, 5, 6, 7], [8, 0, 0, 0]]]
    assert tokens.length.tolist() == [3, 4, 1]
    values[0, 1, 1:] = float("nan")
    assert tokens.join(values, 5).tolist() == [[4, 5, 6, 7, 8]]
