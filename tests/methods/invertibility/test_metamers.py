"""Metamers of a linear network have a closed form; gates, classes and distances are what they are said to be."""

import pytest
import torch

from methods.errors import BadData
from methods.invertibility.metamers import Metameric, interpolate, pairs
from tests.methods.invertibility.linear import Linear, orthogonal, pictures


def closed_form(matrix, a, b):
    """b, moved along the rows of the logits until it has those of a."""
    rows = matrix[:2]
    return b + ((a.flatten(1) - b.flatten(1)) @ rows.T @ rows).view_as(b)


def of_first_class(images):
    return torch.tensor([1.0, 0.0]).expand(len(images), 2)


def test_a_metamer_has_the_logits_of_a_and_everything_else_of_b():
    network, a, b = Linear(orthogonal()).eval(), pictures(20, 1), pictures(20, 2)
    labels = network(a).argmax(1)
    found = Metameric()(network, of_first_class, a, b, labels, 1 - labels)
    expected = closed_form(network.matrix.detach().double(), a.double(), b.double())
    torch.testing.assert_close(found.images, expected, rtol=0, atol=1e-5)
    assert found.logit_error.max() < 1e-5
    assert found.inverse_error.max() < 1e-5
    assert found.sound.all()
    assert torch.equal(found.predicted, labels)
    assert (found.seen == 0).all()
    # vulnerable: taken for a, while the other classifier, which says 0 to all, says b
    assert torch.equal(found.vulnerable, labels == 1)
    outside = ((expected < -1e-3) | (expected > 1.001)).double().flatten(1).mean(1)
    torch.testing.assert_close(found.out_of_range, outside)
    assert outside.max() > 0
    torch.testing.assert_close(found.l2_to_b, (expected.clamp(0, 1) - b).flatten(1).norm(dim=1), rtol=1e-4, atol=1e-4)
    assert found.ssim_to_b.mean() > found.ssim_to_a.mean()


def test_what_the_arithmetic_made_is_not_counted():
    q = orthogonal()
    spoilt = Linear(q @ torch.diag(torch.tensor([1e7, 1.0, 1, 1, 1, 1e-7])) @ orthogonal(5)).eval()
    a, b = pictures(20, 1), pictures(20, 2)
    labels = spoilt.double()(a.double()).argmax(1)
    strict = Metameric(logit_tolerance=1e-14, inverse_tolerance=1e-14)
    found = strict(spoilt, of_first_class, a, b, labels, 1 - labels)
    assert not found.sound.any()
    assert not found.vulnerable.any()


def test_interpolation_keeps_the_logits_and_ends_at_the_metamer():
    network, a, b = Linear(orthogonal()).eval(), pictures(3, 1), pictures(3, 2)
    path = interpolate(network, a, b, steps=4)
    assert path.shape == (3, 4, 1, 2, 3)
    torch.testing.assert_close(path[:, 0], a.double(), rtol=0, atol=1e-5)
    matrix = network.matrix.detach().double()
    torch.testing.assert_close(path[:, -1], closed_form(matrix, a.double(), b.double()), rtol=0, atol=1e-5)
    for step in range(4):
        logits = path[:, step].flatten(1) @ matrix[:2].T
        torch.testing.assert_close(logits, a.double().flatten(1) @ matrix[:2].T, rtol=0, atol=1e-5)


def test_pairs_are_of_different_classes_and_all_of_them_are_drawn():
    labels = torch.tensor([0, 0, 1, 2])
    first, second = pairs(labels, 500, seed=0)
    assert len(first) == len(second) == 500
    assert (labels[first] != labels[second]).all()
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == 10
    assert torch.equal(first, pairs(labels, 500, seed=0)[0])
    assert not torch.equal(first, pairs(labels, 500, seed=1)[0])


def test_pairs_of_one_class_are_refused():
    with pytest.raises(BadData, match="all 3 images have class 4"):
        pairs(torch.tensor([4, 4, 4]), 2, seed=0)
    network, a = Linear(orthogonal()).eval(), pictures(2)
    labels = torch.tensor([0, 1])
    with pytest.raises(BadData, match="1 of 2 pairs"):
        Metameric()(network, of_first_class, a, a, labels, torch.tensor([0, 0]))
