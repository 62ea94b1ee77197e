"""Linear maps between features: exact where one exists, folded into heads without a change of what they answer."""

import pytest
import torch
from torch import nn

from methods.alignment.stitching import FeatureMap, LeastSquares, layer_inputs
from methods.errors import BadData


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_an_affine_relation_is_found():
    recipient, weight, bias = drawn(200, 6), drawn(4, 6, seed=1), drawn(4, seed=2)
    donor = recipient @ weight.T + bias
    found = LeastSquares(ridge=1e-9)(donor, recipient)
    torch.testing.assert_close(found.weight, weight, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.bias, bias, rtol=1e-4, atol=1e-4)


def test_a_larger_ridge_shrinks_the_map_and_keeps_the_mean():
    recipient = drawn(200, 6) + 3
    donor = recipient @ drawn(4, 6, seed=1).T
    weak, strong = (LeastSquares(ridge=ridge)(donor, recipient) for ridge in (1e-6, 10.0))
    assert strong.weight.norm() < 0.2 * weak.weight.norm()
    for found in (weak, strong):
        mapped = recipient @ found.weight.T + found.bias
        torch.testing.assert_close(mapped.mean(0), donor.mean(0), rtol=1e-4, atol=1e-4)


def test_a_folded_head_answers_as_the_head_of_mapped_features():
    mapping = FeatureMap(drawn(4, 6), drawn(4, seed=1))
    weights, biases, features = drawn(3, 5, 4, seed=2), drawn(3, 5, seed=3), drawn(10, 6, seed=4)
    folded, moved = mapping.fold(weights, biases)
    wanted = (features @ mapping.weight.T + mapping.bias) @ weights.mT + biases[:, None]
    torch.testing.assert_close(features @ folded.mT + moved[:, None], wanted)


def test_dead_units_of_the_recipient_get_no_weight():
    recipient = drawn(50, 5)
    recipient[:, 2] = 0
    assert LeastSquares()(recipient, recipient).weight[:, 2].tolist() == [0.0] * 5


def test_what_cannot_be_fitted_is_said():
    with pytest.raises(BadData, match="the same for all images"):
        LeastSquares()(drawn(50, 3), torch.ones(50, 3))


def test_what_a_layer_reads_is_returned_in_the_order_of_the_images():
    network = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(4, 2)).eval()
    images = torch.arange(28, dtype=torch.uint8).reshape(7, 1, 2, 2)
    found = layer_inputs(network, "2", images, batch=3)
    torch.testing.assert_close(found, images.flatten(1).float() / 255)
    assert not network[2]._forward_pre_hooks
