"""The losses against values that can be worked out by hand."""

import math

import torch

from methods.inpainting.losses import fooling, gradient_penalty, judging, matching, weighted_l1

HALF = torch.zeros(1, 1, 4, 4)
HALF[..., :2] = 1


def test_l1_weighs_the_hole_and_the_rest() -> None:
    images, made = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    assert math.isclose(weighted_l1(made, images, HALF, known=10.0, hole=2.0), 0.5 * (10 + 2) / 2, rel_tol=1e-6)


def test_the_generator_wants_large_logits() -> None:
    assert math.isclose(fooling(torch.zeros(2, 1, 2, 2)), math.log(2), rel_tol=1e-6)
    assert fooling(torch.full((2, 1, 2, 2), 9.0)) < 1e-3


def test_the_discriminator_calls_fake_what_lies_in_the_mask_and_nothing_else() -> None:
    real, fake = torch.full((1, 1, 2, 2), 20.0), torch.tensor([[[[-20.0, 20.0], [-20.0, 20.0]]]])
    assert judging(real, fake, HALF) < 1e-6
    assert judging(real, -fake, HALF) > 19
    assert judging(-real, fake, HALF) > 19


def test_the_penalty_of_a_linear_judge_is_its_squared_weight() -> None:
    weight = torch.full((3, 4, 4), 0.5, requires_grad=True)

    def judge(images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return (images * weight).sum((1, 2, 3))[:, None, None, None], []

    penalty = gradient_penalty(judge, torch.rand(5, 3, 4, 4))
    assert math.isclose(penalty.item(), 0.25 * 48, rel_tol=1e-6)
    penalty.backward()
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


def test_features_are_matched_towards_the_real_ones() -> None:
    fake, real = (torch.ones(1, 2, 3, 3, requires_grad=True) for _ in range(2))
    loss = matching([2 * fake, fake], [0 * real, real])
    assert loss == 2
    loss.backward()
    assert real.grad is None
    assert (fake.grad > 0).all()
