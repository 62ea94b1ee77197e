"""Architectures: published parameter counts, names, output shapes, and what `build` promises."""

import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import fx

from models import CifarResNet, ConvNet, InvertibleNetwork, Network, TorchvisionNetwork, build, minimum_size

COLOUR = {"shape": (3, 32, 32), "mean": (0.49, 0.48, 0.45), "std": (0.25, 0.24, 0.26)}
GREY = {"shape": (1, 16, 16), "mean": (0.3,), "std": (0.4,)}
NETWORKS = [
    CifarResNet(width=4),
    CifarResNet(depth=34, width=4),
    CifarResNet(depth=50, width=4),
    ConvNet(),
    ConvNet(channels=(4,), hidden=None),
    TorchvisionNetwork(),
    InvertibleNetwork(levels=2, steps=1, hidden=4),
]


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (CifarResNet(), 11_173_962),
        (CifarResNet(depth=34), 21_282_122),
        (CifarResNet(depth=50), 23_520_842),
        (TorchvisionNetwork(), 11_181_642),
        (TorchvisionNetwork(name="resnet50"), 23_528_522),
        # 8·3·9+8, 16·8·9+16, 32·(16·8·8)+32, 10·32+10
        (ConvNet(), 224 + 1168 + 32_800 + 330),
    ],
)
def test_parameter_counts_are_the_published_ones(network, count):
    assert sum(value.numel() for value in build(network, classes=10, seed=0, **COLOUR).parameters()) == count


def test_names_are_those_of_the_literature():
    names = set(build(CifarResNet(width=4), classes=10, seed=0, **COLOUR).state_dict())
    expected = {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.shortcut.0.weight"}
    expected |= {"layer4.1.bn1.weight", "layer4.1.bn2.bias", "linear.weight", "linear.bias"}
    assert expected <= names
    assert "layer4.2.bn1.weight" not in names
    assert not [name for name in names if "normalize" in name]
    bottleneck = build(CifarResNet(depth=50, width=4), classes=10, seed=0, **COLOUR).state_dict()
    assert {"layer4.2.bn3.weight", "layer1.0.shortcut.1.weight"} <= set(bottleneck)


@pytest.mark.parametrize("settings", [COLOUR, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_logits_have_one_column_per_class(network, settings):
    module = build(network, classes=7, seed=0, **settings).eval()
    assert module(torch.rand(2, *settings["shape"])).shape == (2, 7)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_minimum_size_is_the_smallest_that_runs(network):
    size = minimum_size(network)
    settings = {**GREY, "shape": (1, size, size)}
    assert build(network, classes=3, seed=0, **settings).eval()(torch.rand(2, 1, size, size)).isfinite().all()
    if size > 1:
        module = build(network, classes=3, seed=0, **GREY).eval()
        with pytest.raises(RuntimeError):
            module(torch.rand(2, 1, size - 1, size - 1))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_normalisation_is_inside(network):
    """A classifier with another mean and std, shown images that compensate for them, gives the same logits."""
    plain = build(network, classes=5, seed=3, shape=(3, 16, 16), mean=(0.0,) * 3, std=(1.0,) * 3).eval()
    inside = build(network, classes=5, seed=3, shape=(3, 16, 16), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.5)).eval()
    images = torch.rand(4, 3, 16, 16)
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1), torch.tensor([0.2, 0.3, 0.5]).view(3, 1, 1)
    with torch.no_grad():
        assert torch.equal(inside(images), plain((images - mean) / std))
        assert not torch.allclose(inside(images), plain(images), atol=1e-4)


def test_a_grey_image_enters_torchvision_as_three_equal_channels():
    grey = build(TorchvisionNetwork(), classes=5, seed=0, **GREY).eval()
    colour = build(TorchvisionNetwork(), classes=5, seed=0, shape=(3, 16, 16), mean=(0.3,) * 3, std=(0.4,) * 3).eval()
    images = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(grey(images), colour(images.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_seed_decides_every_parameter_and_no_global_state_moves(network):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, second, other = (build(network, classes=10, seed=seed, **COLOUR) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    third = build(network, classes=10, seed=5, **COLOUR)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
        assert torch.equal(value, third.state_dict()[name])
    assert any(not torch.equal(value, other.state_dict()[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_copies_and_traces_are_the_same_function(network):
    module = build(network, classes=10, seed=0, **COLOUR).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = module(images)
        assert torch.equal(fx.symbolic_trace(module)(images), expected)
        twin = copy.deepcopy(module)
        next(module.parameters()).zero_()
        assert torch.equal(twin(images), expected)
    assert type(twin) is type(module)


def test_configurations_validate_by_their_tag():
    adapter = TypeAdapter(Network)
    assert adapter.validate_python({"kind": "cifar_resnet", "depth": 34, "width": 16}) == CifarResNet(
        depth=34, width=16
    )
    assert adapter.validate_python({"kind": "conv_net", "channels": [4], "hidden": None}) == ConvNet(
        channels=(4,), hidden=None
    )
    misspelt, unknown, empty = {"widht": 3}, {"depth": 19}, {"kind": "conv_net", "channels": []}
    for wrong in ({"kind": "cifar_resnet", **misspelt}, {"kind": "cifar_resnet", **unknown}, empty):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
