"""Codes of tokens in closed form: what they can represent comes back, whatever the blocks they are computed in."""

import pytest
import torch

from methods.generation import token_frames
from methods.generation.gram_pca import components
from methods.generation.token_frames import TokenFrames
from methods.generation.tokens import Tokens

CPU = torch.device("cpu")
SIZES = (7, 30, 3)


def rows(k=40, rank=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return 5 + torch.randn(k, rank, generator=draw) @ torch.randn(rank, sum(SIZES), generator=draw)


def frames(train, kept=None):
    axes, std = components(train, CPU)
    return TokenFrames(train, Tokens(SIZES, 8), axes[:, :kept].contiguous(), std[:kept])


def test_codes_of_the_train_rows_are_uncorrelated_with_variance_1():
    codes = frames(rows()).codes(rows())
    torch.testing.assert_close(torch.cov(codes.T), torch.eye(codes.shape[1]), rtol=0, atol=1e-4)


def test_rows_of_the_hull_come_back_and_do_not_depart():
    train = rows()
    chosen = frames(train, 3)
    other = train.mean(0) + torch.tensor([[0.5, -2.0, 1.0]]) @ (train[:3] - train.mean(0))
    codes = chosen.codes(other)
    departures = chosen.departures(other, codes)
    assert departures.abs().max() < 1e-2
    torch.testing.assert_close(chosen.decode(codes, departures), other, rtol=1e-4, atol=1e-3)
    assert chosen.variance_kept(other, codes, departures) == pytest.approx(1, abs=1e-5)


def test_departures_bring_back_what_no_combination_of_whole_rows_can():
    """Tensors that vary independently of each other in the train rows, but for a little: each has its own code."""
    draw = torch.Generator().manual_seed(3)
    shared = torch.randn(60, 2, generator=draw)
    parts = []
    for size in SIZES:
        own = shared + 0.3 * torch.randn(60, 2, generator=draw)
        parts.append(own @ torch.randn(2, size, generator=draw))
    train = torch.cat(parts, 1)
    chosen = frames(train, 2)
    codes = chosen.codes(train)
    departures = chosen.departures(train, codes)
    with_them = chosen.variance_kept(train, codes, departures)
    without = chosen.variance_kept(train, codes, torch.zeros_like(departures))
    assert without < with_them - 0.02
    assert with_them > 0.9


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    train = rows(rank=6)
    chosen = frames(train, 4)

    def results():
        codes = chosen.codes(train[:5])
        departures = chosen.departures(train[:5], codes)
        return codes, departures, chosen.decode(codes, departures)

    whole = results()
    monkeypatch.setattr(token_frames, "COLUMNS", 8)
    for one, other in zip(whole, results(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_decoding_a_batch_is_decoding_its_rows_one_by_one():
    train = rows()
    chosen = frames(train)
    codes = chosen.codes(train[:4])
    departures = chosen.departures(train[:4], codes) + 0.1
    alone = torch.cat([chosen.decode(codes[i : i + 1], departures[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(chosen.decode(codes, departures), alone, rtol=1e-5, atol=1e-5)


def test_numbers_that_never_vary_keep_their_value():
    train = rows()
    train[:, 7:20] = 2.5
    chosen = frames(train, 3)
    codes = chosen.codes(train[:2] + 1)
    departures = chosen.departures(train[:2] + 1, codes)
    assert departures.isfinite().all()
    assert (chosen.decode(codes, departures)[:, 7:20] == 2.5).all()
