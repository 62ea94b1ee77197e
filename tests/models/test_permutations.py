"""Permuting a network by the axes that it declares leaves its function unchanged, and no axis is declared in vain.

Its hidden units show, in the new order, where it says that they do.
"""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from methods.alignment.activation_matching import activations
from methods.alignment.permutation import permute
from models import CifarResNet, ConvNet, InvertibleNetwork, TorchvisionNetwork, build, permutation_groups

SHAPE = (3, 32, 32)
SMALL = [
    CifarResNet(width=3),
    CifarResNet(depth=50, width=2),
    ConvNet(channels=(4, 6)),
    ConvNet(channels=(4,), hidden=None),
]
NETWORKS = [
    *SMALL,
    CifarResNet(depth=34, width=3),
    ConvNet(channels=(4, 3, 5), hidden=7),
    *(TorchvisionNetwork(name=name) for name in ("resnet18", "resnet50", "convnext_tiny", "vit_b_16")),
]
INVERTIBLE = [InvertibleNetwork(levels=1, steps=1, hidden=5, body=body) for body in ("actnorm", "basic", "bottleneck")]
DECLARED = [*NETWORKS, *(TorchvisionNetwork(name=name) for name in ("convnext_small", "convnext_base"))]


def built(network, shape=SHAPE):
    """With every parameter and running statistic random, so that no unit is like another; float64, eval mode."""
    module = build(network, classes=5, seed=0, shape=shape, mean=(0.4,) * shape[0], std=(0.3,) * shape[0])
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=draw))
            elif value.is_floating_point() and not name.startswith("normalize"):
                # numbers that shift or scale a unit stay positive, so that few units are dead
                noise = torch.randn(value.shape, generator=draw)
                value += 0.05 * noise if value.ndim > 1 else 0.3 * noise.abs()
    return module.double().eval()


def random_order(groups, seed=2):
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randperm(group.units, generator=draw) for name, group in groups.items()}


def pictures(shape=SHAPE):
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@torch.no_grad()
def logits(module, state, images):
    return functional_call(module, state, (images,))


@pytest.mark.parametrize("network", [*NETWORKS, *INVERTIBLE], ids=str)
def test_a_permuted_network_is_the_same_function(network):
    module, groups = built(network), permutation_groups(network, shape=SHAPE)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    orders = random_order(groups)
    permuted = permute(state, groups, orders)
    places = {name: group.seen for name, group in groups.items() if group.seen is not None}
    expected = logits(module, state, pictures())
    seen = activations(module, places, pictures())
    module.load_state_dict(permuted)
    torch.testing.assert_close(logits(module, permuted, pictures()), expected, rtol=1e-9, atol=1e-9)
    for name, moved in activations(module, places, pictures()).items():
        torch.testing.assert_close(moved, seen[name][orders[name]], rtol=1e-9, atol=1e-9)
    assert (expected[0] - expected[1]).abs().max() > 1e-6
    assert any(not torch.equal(permuted[name], value) for name, value in state.items())


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14)], ids=str)
def test_units_are_those_of_the_image_size(shape):
    network = ConvNet(channels=(4, 6))
    module, groups = built(network, shape), permutation_groups(network, shape=shape)
    state = dict(module.state_dict())
    permuted = permute(state, groups, random_order(groups))
    images = pictures(shape)
    torch.testing.assert_close(logits(module, permuted, images), logits(module, state, images), rtol=0, atol=1e-9)


@pytest.mark.parametrize("network", [*SMALL, *INVERTIBLE], ids=str)
def test_every_declared_axis_is_needed(network):
    """Each group alone is a symmetry, and without any one of its axes it is none; the last groups speak for all."""
    shape = (3, 8, 8)
    module, groups = built(network, shape), permutation_groups(network, shape=shape)
    state, images = dict(module.state_dict()), pictures(shape)[:1]
    expected = logits(module, state, images)
    for name, group in list(groups.items())[-8:]:
        order = {name: torch.arange(group.units).roll(1)}
        torch.testing.assert_close(logits(module, permute(state, groups, order), images), expected, rtol=0, atol=1e-9)
        for axis in group.axes:
            without = {name: group._replace(axes=tuple(each for each in group.axes if each != axis))}
            changed = logits(module, permute(state, without, order), images)
            assert (changed - expected).abs().max() > 1e-9, axis


@pytest.mark.parametrize("network", DECLARED, ids=str)
def test_every_tensor_is_covered_once(network):
    """What no group holds are the pixels' channels, the classes, and axes that are no units."""
    with torch.device("meta"):
        module = network.module(classes=5, shape=SHAPE)
    shapes = {name: value.shape for name, value in module.state_dict().items() if value.ndim}
    held = set()
    for group in permutation_groups(network, shape=SHAPE).values():
        for axis in group.axes:
            assert (axis.tensor, axis.axis) not in held
            held.add((axis.tensor, axis.axis))
            assert shapes[axis.tensor][axis.axis] == axis.copies * group.units * axis.repeat
        if group.seen is not None:
            assert isinstance(module.get_submodule(group.seen.module), nn.Module)
    free = {(name, axis) for name, shape in shapes.items() for axis in range(min(2, len(shape)))} - held
    first, *_, last = (name for name, _ in module.named_modules() if hasattr(module.get_submodule(name), "weight"))
    depthwise = {(name, 1) for name, shape in shapes.items() if len(shape) == 4 and shape[1] == 1}
    trivial = {(name, axis) for name, axis in free if shapes[name][axis] == 1} | {("encoder.pos_embedding", 1)}
    assert free - depthwise - trivial == {(f"{first}.weight", 1), (f"{last}.weight", 0), (f"{last}.bias", 0)}
