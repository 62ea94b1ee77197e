"""The denoiser over tokens: what depends on what, and what does not grow."""

import pytest
import torch

from models.token_denoiser import TokenSet, build_token_denoiser

CONFIG = TokenSet(width=16, registers=3, blocks=2)
LAYER, PLACE = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 0])


@pytest.fixture(scope="module")
def denoiser():
    """As after some training: the last maps start at zero, and would hide everything before them."""
    built = build_token_denoiser(CONFIG, 3, 5, seed=0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in built.parameters():
            value.copy_(0.3 * torch.randn(value.shape, generator=draw))
    return built


def given(n=4, m=4):
    draw = torch.Generator().manual_seed(2)
    return torch.randn(n, m, 5, generator=draw), torch.randint(1, 1000, (n,), generator=draw)


def test_a_batch_is_its_samples_one_by_one(denoiser):
    x, t = given()
    alone = torch.cat([denoiser(x[i : i + 1], t[i : i + 1], LAYER, PLACE) for i in range(len(x))])
    torch.testing.assert_close(denoiser(x, t, LAYER, PLACE), alone, rtol=1e-4, atol=1e-5)


def test_the_time_belongs_to_the_sample(denoiser):
    x, t = given()
    before = denoiser(x, t, LAYER, PLACE)
    t[2] = 1 + t[2] // 2
    changed = (denoiser(x, t, LAYER, PLACE) - before).abs().amax((1, 2))
    assert changed[2] > 1e-2
    assert changed[[0, 1, 3]].max() < 1e-5


def test_every_token_sees_every_other(denoiser):
    x, t = given()
    before = denoiser(x, t, LAYER, PLACE)
    for source in range(4):
        changed = x.clone()
        changed[:, source] += 1
        assert ((denoiser(changed, t, LAYER, PLACE) - before).abs().amax(2) > 1e-5).all()


def test_the_order_of_the_tokens_carries_no_meaning(denoiser):
    x, t = given()
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        denoiser(x[:, order], t, LAYER[order], PLACE[order]),
        denoiser(x, t, LAYER, PLACE)[:, order],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("changed", ["layer", "place"])
def test_a_token_knows_where_it_lies(denoiser, changed):
    x, t = given()
    layer, place = LAYER.clone(), PLACE.clone()
    {"layer": layer, "place": place}[changed][3] = 1
    assert (denoiser(x, t, layer, place) - denoiser(x, t, LAYER, PLACE))[:, 3].abs().max() > 1e-3


def test_any_number_of_tokens_is_taken(denoiser):
    x, t = given(2, 700)
    where = torch.arange(700)
    assert denoiser(x, t, where % 3, where).shape == x.shape


def test_the_seed_decides_the_start():
    first, again, other = (build_token_denoiser(CONFIG, 3, 5, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["first.weight"], other["first.weight"])
