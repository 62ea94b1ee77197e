"""LaMa's generator: names and shapes of the released checkpoints, Fourier units by the definition of the transform."""

import cmath
import itertools
import math

import pytest
import torch
from pydantic import TypeAdapter

from models.lama import FourierUNet, Lama, build_inpainter
from models.lama.fourier import FastFourierConvolution, FourierUnit
from models.lama.smooth_fill import smooth_fill

SMALL = Lama(width=16, blocks=2)
UNET = FourierUNet(width=4, blocks=1)


def norm(name, channels):
    affine = {f"{name}.{what}": (channels,) for what in ("weight", "bias", "running_mean", "running_var")}
    return {**affine, f"{name}.num_batches_tracked": ()}


def block(name):
    """One fast Fourier convolution of the residual blocks, 128 local and 384 global channels."""
    ffc = f"{name}.ffc"
    return {
        f"{ffc}.convl2l.weight": (128, 128, 3, 3),
        f"{ffc}.convl2g.weight": (384, 128, 3, 3),
        f"{ffc}.convg2l.weight": (128, 384, 3, 3),
        f"{ffc}.convg2g.conv1.0.weight": (192, 384, 1, 1),
        **norm(f"{ffc}.convg2g.conv1.1", 192),
        f"{ffc}.convg2g.fu.conv_layer.weight": (384, 384, 1, 1),
        **norm(f"{ffc}.convg2g.fu.bn", 384),
        f"{ffc}.convg2g.conv2.weight": (384, 192, 1, 1),
        **norm(f"{name}.bn_l", 128),
        **norm(f"{name}.bn_g", 384),
    }


def released(blocks):
    expected = {"model.1.ffc.convl2l.weight": (64, 4, 7, 7), **norm("model.1.bn_l", 64)}
    for place, channels in ((2, 64), (3, 128)):
        expected[f"model.{place}.ffc.convl2l.weight"] = (2 * channels, channels, 3, 3)
        expected |= norm(f"model.{place}.bn_l", 2 * channels)
    expected |= {"model.4.ffc.convl2l.weight": (128, 256, 3, 3), "model.4.ffc.convl2g.weight": (384, 256, 3, 3)}
    expected |= norm("model.4.bn_l", 128) | norm("model.4.bn_g", 384)
    for place, half in itertools.product(range(5, 5 + blocks), ("conv1", "conv2")):
        expected |= block(f"model.{place}.{half}")
    for step, channels in enumerate((512, 256, 128)):
        place = 6 + blocks + 3 * step
        expected[f"model.{place}.weight"] = (channels, channels // 2, 3, 3)
        expected[f"model.{place}.bias"] = (channels // 2,)
        expected |= norm(f"model.{place + 1}", channels // 2)
    last = 6 + blocks + 10
    return {**expected, f"model.{last}.weight": (3, 64, 7, 7), f"model.{last}.bias": (3,)}


@pytest.mark.parametrize(("blocks", "entries", "parameters"), [(18, 989, 50_975_875), (9, 521, 27_048_835)])
def test_the_state_is_that_of_the_released_checkpoints(blocks, entries, parameters):
    with torch.device("meta"):
        network = Lama(blocks=blocks).module()
    found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert found == released(blocks)
    assert len(found) == entries
    assert sum(each.numel() for each in network.parameters()) == parameters
    if blocks == 18:
        assert found["model.24.weight"] == (512, 256, 3, 3)
        assert found["model.34.weight"] == (3, 64, 7, 7)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        Lama(width=4, blocks=1, downsamplings=1),
        Lama(width=4, global_share=0.0),
        UNET,
        FourierUNet(width=4, downsamplings=3, most=8, blocks=1),
        FourierUNet(width=8, global_share=0.0),
    ],
)
def test_images_of_a_multiple_keep_their_size_and_seeds_decide(config):
    network, side = build_inpainter(config, seed=3).eval(), config.minimum_size
    x = torch.rand(2, 4, side, side + config.multiple)
    with torch.no_grad():
        out = network(x)
        again = build_inpainter(config, seed=3).eval()(x)
    assert out.shape == (2, 3, *x.shape[2:])
    assert bool(((out >= 0) & (out <= 1)).all())
    assert torch.equal(out, again)
    assert not torch.equal(out, build_inpainter(config, seed=4).eval()(x))
    with pytest.raises(RuntimeError):
        network(torch.rand(1, 4, side - config.multiple, side - config.multiple))


def test_the_u_net_corrects_a_smooth_fill():
    """Without its last layer it is that fill; as it begins it is close to it; and all of its parameters are used."""
    x = torch.rand(2, 4, 16, 24)
    x[:, 3:] = (x[:, 3:] > 0.8).float()
    x[:, :3] *= 1 - x[:, 3:]
    network = build_inpainter(UNET, seed=0)
    smooth = smooth_fill(x[:, :3], 1 - x[:, 3:])
    assert 0 < (network(x) - smooth).abs().mean() < 0.1
    network(x).square().mean().backward()
    assert all(each.grad is not None and each.grad.abs().max() > 0 for each in network.parameters())
    with torch.no_grad():
        network.correction[-1].weight.zero_()
        network.correction[-1].bias.zero_()
        torch.testing.assert_close(network(x), smooth)


def test_a_residual_block_of_the_small_one_sees_the_whole_image():
    """Far from what changes, farther than convolutions reach, only Fourier units tell of it."""
    x = torch.rand(1, 4, 8, 128)
    y = x.clone()
    y[..., :4] = 1 - y[..., :4]
    config = Lama(width=4, blocks=1, downsamplings=1)
    ordinary = Lama(width=4, blocks=1, downsamplings=1, global_share=0.0)
    with torch.no_grad():
        networks = [build_inpainter(each, seed=0).eval() for each in (config, ordinary)]
        moved, still = ((network(y) - network(x))[..., 64:] for network in networks)
    assert moved.abs().max() > 0
    assert still.abs().max() == 0


def transform(image):
    """The discrete Fourier transform of rows of numbers, by its definition, with the orthonormal factor."""
    height, width = len(image), len(image[0])
    return {
        (u, v): sum(
            image[i][j] * cmath.exp(-2j * cmath.pi * (u * i / height + v * j / width))
            for i, j in itertools.product(range(height), range(width))
        )
        / math.sqrt(height * width)
        for u, v in itertools.product(range(height), range(width // 2 + 1))
    }


def test_the_spectrum_holds_real_and_imaginary_parts_in_turn():
    """The convolution is replaced by a witness: what it is shown is the definition."""
    unit, seen = FourierUnit(2).double().eval(), []
    unit.conv_layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x = torch.rand(1, 2, 3, 4, dtype=torch.float64)
    unit(x)
    assert seen[0].shape == (1, 4, 3, 3)
    for channel in range(2):
        for (u, v), value in transform(x[0, channel].tolist()).items():
            assert seen[0][0, 2 * channel, u, v].item() == pytest.approx(value.real, abs=1e-12)
            assert seen[0][0, 2 * channel + 1, u, v].item() == pytest.approx(value.imag, abs=1e-12)


def test_a_fourier_unit_by_hand():
    """An impulse at the origin has a flat real spectrum: kept if it is positive, and zero after ReLU if not."""
    unit = FourierUnit(2).double().eval()
    unit.bn.eps = 0.0
    with torch.no_grad():
        unit.conv_layer.weight.copy_(torch.eye(4)[..., None, None])
        x = torch.zeros(1, 2, 4, 6, dtype=torch.float64)
        x[0, 0, 0, 0], x[0, 1, 0, 0] = 3.0, -2.0
        out = unit(x)
        torch.testing.assert_close(out[0, 0], x[0, 0])
        assert out[0, 1].abs().max() < 1e-12
        unit.conv_layer.weight[2, :, 0, 0] = torch.tensor([2.0, 0, 0, 0])  # real part of 1 from the real part of 0
        torch.testing.assert_close(unit(x)[0, 1], 2 * x[0, 0])


def test_a_fast_fourier_convolution_by_hand():
    """1×1 kernels on constant maps, one channel each but for two global ones: sums of products."""
    layer = FastFourierConvolution((1, 2), (1, 2), kernel=1, stride=1, pad=0).double().eval()
    spectral = layer.convg2g
    spectral.conv1[1].eps = spectral.fu.bn.eps = 0.0
    with torch.no_grad():
        layer.convl2l.weight.fill_(2.0)
        layer.convl2g.weight.copy_(torch.tensor([3.0, -1.0])[:, None, None, None])
        layer.convg2l.weight.copy_(torch.tensor([0.5, 1.0])[None, :, None, None])
        spectral.conv1[0].weight.copy_(torch.tensor([1.0, 2.0])[None, :, None, None])
        spectral.fu.conv_layer.weight.copy_(torch.tensor([[0.5, 0.0], [0.0, 1.0]])[..., None, None])
        spectral.conv2.weight.copy_(torch.tensor([4.0, -4.0])[:, None, None, None])
        local = torch.full((1, 1, 4, 4), 0.1, dtype=torch.float64)
        whole = torch.tensor([0.2, 0.3], dtype=torch.float64)[None, :, None, None].expand(1, 2, 4, 4)
        near, far = layer((local, whole))
    # conv1: 0.2 + 2·0.3 = 0.8; the Fourier unit halves a constant; conv2: ±4·(0.8 + 0.4)
    torch.testing.assert_close(near, torch.full_like(near, 2 * 0.1 + 0.5 * 0.2 + 0.3))
    torch.testing.assert_close(far[:, :1], torch.full_like(near, 3 * 0.1 + 4.8))
    torch.testing.assert_close(far[:, 1:], torch.full_like(near, -0.1 - 4.8))


def test_a_misspelt_or_odd_setting_is_refused():
    lama = TypeAdapter(Lama)
    assert lama.validate_python({"width": 16, "blocks": 2}) == SMALL
    for wrong in ({"widht": 16}, {"width": 6}, {"global_share": 1.0}, {"kernel": 2}):
        with pytest.raises(ValueError):
            lama.validate_python(wrong)
