"""The network is a bijection: it comes back, and its log-determinant is that of its Jacobian."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import InvertibleNetwork, build
from models.invertible.layers import ActNorm, Coupling, Step

KINDS = [
    InvertibleNetwork(levels=1, steps=2, hidden=4, coupling=coupling, body=body, sides=sides)
    for coupling, body, sides in [
        ("additive", "actnorm", 1),
        ("affine", "actnorm", 2),
        ("affine", "basic", 1),
        ("additive", "bottleneck", 2),
    ]
] + [InvertibleNetwork(levels=2, steps=1, hidden=4, coupling="affine", split=split) for split in (True, False)]


def built(network, shape, classes=3, seed=0):
    """float64, eval mode, every parameter and running statistic random: no layer is the identity."""
    channels = shape[0]
    module = build(network, classes=classes, shape=shape, mean=(0.4,) * channels, std=(0.3,) * channels, seed=seed)
    draw = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for value in (*module.parameters(), *module.buffers()):
            if value.is_floating_point():
                value += 0.2 * torch.rand(value.shape, generator=draw)
    return module.double().eval()


def pictures(n, shape):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


@settings(max_examples=8, deadline=None)
@given(kind=st.sampled_from(KINDS), channels=st.integers(1, 3), height=st.integers(1, 2), width=st.integers(1, 3))
def test_what_is_encoded_comes_back(kind, channels, height, width):
    shape = (channels, height * 2**kind.levels, width * 2**kind.levels)
    module, images = built(kind, shape), pictures(2, shape)
    with torch.no_grad():
        z, _ = module.encode(images)
        assert z.shape == (2, images[0].numel())
        torch.testing.assert_close(module.decode(z), images, rtol=0, atol=1e-9)
        torch.testing.assert_close(module(images), z[:, :3])
        other = torch.randn(2, z.shape[1], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        torch.testing.assert_close(module.encode(module.decode(other))[0], other, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_log_determinant_is_that_of_autograd(kind):
    shape = (1, 4, 4)
    module, image = built(kind, shape), pictures(1, shape)
    jacobian = torch.autograd.functional.jacobian(lambda x: module.encode(x)[0][0], image).reshape(16, 16)
    found = module.encode(image)[1][0]
    torch.testing.assert_close(torch.linalg.slogdet(jacobian)[1], found, rtol=1e-9, atol=1e-9)


def test_two_sides_are_two_one_sided_steps_with_reversal():
    """y₁ = x₁ + F(x₂), y₂ = x₂ + G(y₁) is: move by F, reverse, move by rev∘G∘rev, reverse back."""
    first, second = torch.nn.Conv2d(2, 2, 3, padding=1), torch.nn.Conv2d(2, 2, 3, padding=1)

    class Mirrored(torch.nn.Module):
        def forward(self, x):
            return second(x.flip(1)).flip(1)

    both = Coupling([first, second], width=2, affine=False)
    steps = [Step(ActNorm(4), Coupling([body], width=2, affine=False)) for body in (first, Mirrored())]
    x = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    # a step reverses before it moves
    torch.testing.assert_close(steps[1](steps[0](x.flip(1))), both(x).flip(1))


def test_the_block_is_the_one_of_the_note():
    first, second = torch.nn.Conv2d(2, 2, 3, padding=1), torch.nn.Conv2d(2, 2, 3, padding=1)
    x = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    y = Coupling([first, second], width=2, affine=False)(x)
    torch.testing.assert_close(y[:, :2], x[:, :2] + first(x[:, 2:]))
    torch.testing.assert_close(y[:, 2:], x[:, 2:] + second(y[:, :2]))


def test_the_published_network_has_its_shapes_and_numbers():
    """The public code counts 2,366,640, with 3,312 of two convolutions of its prior, and its logits' norm has none."""
    network = InvertibleNetwork()
    assert network.last((3, 32, 32)) == (48, 4, 4)
    with torch.device("meta"):
        module = network.module(classes=10, shape=(3, 32, 32))
    assert module._lengths() == [48 * 4 * 4, 6 * 16 * 16, 12 * 8 * 8]
    assert sum(value.numel() for value in module.levels.parameters()) == 2_366_640 - 3_312


def test_the_logits_are_the_first_channels_of_the_first_position():
    network = InvertibleNetwork(levels=2, steps=1, hidden=4)
    module = built(network, (3, 8, 8))
    x = pictures(2, (3, 8, 8))
    seen = []
    module.levels[-1].register_forward_hook(lambda *call: seen.append(call[2]))
    logits = module(x)
    torch.testing.assert_close(logits, module.logits(seen[0][:, :3, 0, 0]))


def test_act_norm_fits_a_batch_and_keeps_a_floor():
    norm, x = ActNorm(3), torch.randn(64, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 5 + 2
    x[:, 1] = 0.01 * x[:, 1]
    x[:, 2] = 7.0
    spread = norm.fit(x, floor=0.05)
    torch.testing.assert_close(spread, x.std((0, 2, 3), correction=0))
    assert spread[2] < 1e-6
    y = norm(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(y.std((0, 2, 3)), torch.tensor([1.0, spread[1] / 0.05, 0.0]), rtol=1e-3, atol=1e-4)


def test_sizes_that_cannot_be_squeezed_are_refused():
    assert InvertibleNetwork(levels=2).misfit(classes=10, shape=(1, 8, 8)) is None
    with pytest.raises(ValueError, match="28×28 pixels cannot be halved 3 times"):
        InvertibleNetwork().module(classes=10, shape=(1, 28, 28))
    with pytest.raises(ValueError, match="8 outputs, which cannot hold 8 classes"):
        InvertibleNetwork(levels=2).module(classes=8, shape=(1, 4, 4))


def test_no_inversion_in_train_mode():
    module = built(KINDS[0], (1, 4, 4)).train()
    with pytest.raises(RuntimeError, match=r"\.eval"):
        module.decode(torch.zeros(2, 16, dtype=torch.float64))
