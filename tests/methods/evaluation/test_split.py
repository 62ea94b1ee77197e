"""A split network is the same function, wherever it is cut, and computes before the cut what does not depend on it."""

from fnmatch import fnmatchcase

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from methods.errors import BadSetting
from methods.evaluation.split import split
from models import CifarResNet, ConvNet, InvertibleNetwork, TorchvisionNetwork, build

CUTS = [
    (CifarResNet(width=4), ("layer4.1.bn*",)),
    (CifarResNet(width=4), ("linear.*",)),
    (CifarResNet(width=4), ("conv1.weight",)),
    (CifarResNet(width=4), ("layer2.0.conv2.weight", "layer3.0.shortcut.*", "linear.bias")),
    (CifarResNet(width=4), ("layer2.0.shortcut.1.bias",)),
    (CifarResNet(width=4), ("layer4.1.bn1.running_*",)),
    (CifarResNet(width=4), ("*",)),
    (CifarResNet(depth=50, width=2), ("layer4.2.bn3.*", "layer4.2.bn1.weight")),
    (ConvNet(), ("features.3.*",)),
    (ConvNet(), ("hidden.*", "linear.*")),
    (ConvNet(), ("*",)),
    (TorchvisionNetwork(), ("layer4.1.bn*", "fc.*")),
    (TorchvisionNetwork(), ("layer3.0.downsample.*",)),
    (TorchvisionNetwork(), ("bn1.*",)),
    (InvertibleNetwork(levels=2, steps=2, hidden=4), ("levels.1.0.coupling.*", "levels.1.1.norm.*")),
    (InvertibleNetwork(levels=2, steps=1, hidden=4, coupling="affine", body="basic"), ("*",)),
]


def classifier(network):
    """Untrained, but with statistics measured on some images, so that every layer passes a signal."""
    module = build(network, classes=10, shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, seed=0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None
    with torch.no_grad():
        module.train()(torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    return module.eval()


def names_like(module, patterns):
    held = [name for name, _ in module.named_parameters()]
    if any("running" in pattern for pattern in patterns):
        held += [name for name, _ in module.named_buffers()]
    return [name for name in held if any(fnmatchcase(name, pattern) for pattern in patterns)]


@pytest.mark.parametrize(("network", "patterns"), CUTS, ids=str)
def test_tail_after_prefix_is_the_network(network, patterns):
    module = classifier(network)
    names = names_like(module, patterns)
    parts = split(module, names)
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        boundary = parts.prefix(images)
        assert torch.equal(parts.tail(*boundary), module(images))
        changed = {name: module.state_dict()[name] * 1.3 + 0.1 for name in names}
        with_changes = functional_call(module, changed, images)
        assert torch.equal(functional_call(parts.tail, changed, boundary), with_changes)
        assert not torch.allclose(with_changes, module(images))


@pytest.mark.parametrize(("network", "patterns"), CUTS, ids=str)
def test_prefix_holds_none_of_the_chosen_parameters(network, patterns):
    module = classifier(network)
    names = names_like(module, patterns)
    parts = split(module, names)
    assert not set(parts.prefix.state_dict()) & set(names)
    assert set(names) <= set(parts.tail.state_dict()) <= set(module.state_dict())


def test_the_cut_runs_inside_a_block():
    parts = split(classifier(CifarResNet(width=4)), ["layer4.1.bn1.weight"])
    shapes = [tuple(tensor.shape) for tensor in parts.prefix(torch.rand(2, 3, 32, 32))]
    assert shapes == [(2, 32, 4, 4), (2, 32, 4, 4)]  # the block's input and what its first convolution makes of it
    assert set(parts.prefix.state_dict()) >= {"layer4.1.conv1.weight", "layer4.0.bn2.weight"}
    assert not any(name.startswith("layer4.0") for name in parts.tail.state_dict())


def test_both_parts_follow_the_network():
    module = classifier(CifarResNet(width=4))
    parts = split(module, ["layer4.1.bn1.weight"])
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        module.conv1.weight.mul_(0.5)
        module.linear.weight.mul_(2)
        assert torch.equal(parts.tail(*parts.prefix(images)), module(images))
    module.train()
    assert parts.prefix.get_submodule("bn1").training
    assert parts.tail.get_submodule("layer4.1.bn1").training


class Direct(nn.Module):
    """Parameters held without a layer, and sizes read from tensors before the cut."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.scale = nn.Parameter(torch.randn(4))
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        n = x.shape[0]
        y = self.body(x)
        tokens = y.flatten(2).transpose(1, 2) * self.scale
        both = torch.cat([self.token.expand(n, -1, -1), tokens], 1)
        return self.head(both.mean(1).reshape(n, y.size(1)))


@pytest.mark.parametrize("names", [["token"], ["scale"], ["token", "head.bias"], ["body.weight"]], ids=str)
def test_parameters_held_directly_and_sizes(names):
    torch.manual_seed(0)
    module = Direct()
    parts = split(module, names)
    with torch.no_grad():
        for n in (2, 5):
            images = torch.rand(n, 3, 6, 6)
            boundary = parts.prefix(images)
            assert all(isinstance(tensor, torch.Tensor) and len(tensor) == n for tensor in boundary)
            assert torch.equal(parts.tail(*boundary), module(images))
            changed = {name: module.state_dict()[name] + 1 for name in names}
            expected = functional_call(module, changed, (images,))
            assert torch.equal(functional_call(parts.tail, changed, boundary), expected)


class Overwriting(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.first(x)
        return self.head(self.second(y) + F.relu(self.relu(y)))


def test_errors_name_the_value_and_the_remedy():
    module = classifier(ConvNet())
    with pytest.raises(BadSetting, match=r"features\.9\.weight"):
        split(module, ["features.9.weight"])
    with pytest.raises(BadSetting, match="no parameters were chosen"):
        split(module, [])
    with pytest.raises(BadSetting, match=r"never uses.*unused\.weight"):
        split(Direct(), ["unused.weight", "token"])
    with pytest.raises(BadSetting, match="relu overwrites in place"):
        split(Overwriting(), ["second.weight"])
