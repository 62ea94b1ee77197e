"""The centred Gram matrix, block by block, against the one that is computed at once."""

import pytest
import torch

from methods.gram import centred_gram


@pytest.mark.parametrize("columns", [1, 7, 50, 1000])
def test_blocks_add_up(columns, monkeypatch):
    monkeypatch.setattr("methods.columns.COLUMNS", columns)
    rows = 100 + torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    centred = rows.double() - rows.double().mean(0)
    gram = centred_gram(rows)
    torch.testing.assert_close(gram, centred @ centred.T)
    assert gram.sum(1).abs().max() < 1e-10  # centred: every row of it adds up to nothing


def test_float32_rows_lose_no_digit_to_a_large_mean():
    rows = 2.0**20 + torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    assert torch.equal(centred_gram(rows), torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64))
