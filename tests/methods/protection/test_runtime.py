"""The run-time backdoor against its public procedure, step by step, and what its losses say by themselves."""

import pytest
import torch
from pydantic import TypeAdapter

from methods.errors import BadData, BadSetting
from methods.protection.distortions import Distortions
from methods.protection.inpainter import Inpainter, Pasted
from methods.protection.noise_control import NoiseControl
from methods.protection.objective import Losses, Objective, mse_over
from methods.protection.protection import Protection
from methods.protection.regions import check
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.saving import as_bytes, from_bytes, saved
from tests.methods.protection.plain import protect
from tests.methods.protection.scenes import generator, inpainter, masks_of, pictures

LOSSES = Losses(expansion=3)
METHODS = [
    NoiseControl(losses=LOSSES),
    RuntimeFaithful(losses=LOSSES, iterations=4),
    RuntimePgd(losses=LOSSES, iterations=4, restarts=2),
    RuntimePgd(losses=Losses(expansion=3, distortions=Distortions()), iterations=2),
    RuntimePgd(losses=Losses(expansion=0, hide="complement", target="negative"), iterations=3),
    RuntimeFaithful(losses=Losses(expansion=3, hide="complement", noise="inside"), iterations=3),
]
SEEDS = torch.tensor([5, 6])
any_method = pytest.mark.parametrize("method", METHODS, ids=lambda each: each.kind)


def test_faithful_is_the_public_procedure():
    """Twenty iterations of the defaults, by the same arithmetic one image at a time."""
    x, method, fill = pictures(), RuntimeFaithful(losses=LOSSES), inpainter()
    masks = masks_of(x)
    masks[1] = masks[1].roll((-3, 2), (1, 2))
    found = method(fill, x, masks, seeds=SEEDS)
    assert found.losses.shape == (2, 20)
    for place, seed in enumerate(SEEDS.tolist()):
        image, history = protect(fill, x[place : place + 1], masks[place : place + 1], method, seed)
        assert found.losses[place].tolist() == pytest.approx(history, rel=1e-6)
        # where a slope is zero but for rounding, Adam steps as far as anywhere
        differ = found.images[place] != saved(image, x[place : place + 1], method.epsilon)[0]
        assert differ.double().mean() < 0.01
    assert (found.losses[:, -1] < found.losses[:, 0]).all()


@any_method
def test_the_result_is_within_its_budget_on_levels_of_8_bits_and_as_its_losses_say(method):
    x, fill = pictures(), inpainter()
    masks = masks_of(x)
    given, found = x.clone(), method(fill, x, masks, seeds=SEEDS)
    assert isinstance(method, Protection)
    assert torch.equal(x, given)
    assert torch.equal(from_bytes(as_bytes(found.images), x.dtype), found.images)
    assert (found.images - x).abs().max() <= method.epsilon + 1e-12
    assert (found.images != x).any()
    if not isinstance(method, RuntimeFaithful):  # which looks at the image before it is saved
        again = Objective(method.losses, fill, x, masks, SEEDS).values(found.images)
        told = found.losses.gather(1, found.chosen[:, None])[:, 0]
        torch.testing.assert_close(told, again)
    assert not found.losses.requires_grad
    assert all(each.grad is None for each in fill.generator.parameters())


@any_method
def test_an_image_alone_is_as_in_company(method):
    x, fill = pictures(), inpainter()
    masks = masks_of(x)
    together = method(fill, x, masks, seeds=SEEDS)
    swapped = method(fill, x.flip(0), masks, seeds=SEEDS.flip(0))
    alone = method(fill, x[1:], masks[1:], seeds=SEEDS[1:])
    torch.testing.assert_close(together.losses[1:], alone.losses)
    for other in (alone.images[0], swapped.images[0]):
        # where a slope is zero but for rounding, its sign is anybody's guess
        assert (other != together.images[1]).double().mean() < 0.01


def test_sign_steps_never_end_worse_than_their_last_look():
    x, fill = pictures(4), inpainter()
    method = RuntimePgd(losses=LOSSES, iterations=6, restarts=2, step_size=2.0)
    found = method(fill, x, masks_of(x), seeds=torch.arange(4))
    chosen = found.losses.gather(1, found.chosen[:, None])[:, 0]
    assert found.losses.shape == (4, 14)
    assert (chosen <= found.losses[:, -1]).all()
    assert torch.equal(chosen, found.losses.amin(1))
    assert (chosen < found.losses[:, -1]).any()  # steps this wide overshoot


def test_inside_of_the_mask_only_the_hide_loss_has_a_gradient():
    x, fill = pictures(), inpainter()
    masks = masks_of(x)
    blind = Objective(Losses(expansion=3, hide_weight=0.0), fill, x, masks, SEEDS)
    noisy = (x + 0.01).clamp(0, 1)
    slope = blind.slope(noisy)[1]
    assert (slope * masks == 0).all()
    assert (slope * (1 - masks) != 0).any()
    whole = Objective(LOSSES, fill, x, masks, SEEDS).slope(noisy)[1]
    assert (whole * masks != 0).any()


def test_noise_inside_of_the_mask_alone_changes_no_fill_of_it():
    x, fill = pictures(), inpainter()
    masks, inside = masks_of(x), Losses(expansion=3, noise="inside")
    found = RuntimePgd(losses=inside, iterations=3)(fill, x, masks, seeds=SEEDS)
    assert ((found.images != x) <= (masks == 1)).all()
    assert (found.images != x).any()
    assert torch.equal(masks * fill(found.images, masks), masks * fill(x, masks))
    free = RuntimePgd(losses=LOSSES, iterations=3)(fill, x, masks, seeds=SEEDS)
    look = Objective(LOSSES, fill, x, masks, SEEDS)
    assert (look.terms(free.images)[0] < look.terms(found.images)[0]).all()


def test_the_hide_loss_compares_with_the_clean_fill_and_sends_no_gradient_into_it():
    """Central differences with the clean fill held still, in float64; and at the clean image it is zero."""
    x, fill = pictures(1), inpainter()
    masks, seeds = masks_of(x), SEEDS[:1]
    objective = Objective(LOSSES, fill, x, masks, seeds)
    assert objective.terms(x)[2].item() < 1e-20
    noisy = (x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)).clamp(0.1, 0.9)
    wide = torch.nn.functional.max_pool2d(masks, 7, stride=1, padding=3)
    clean = fill(x, wide - masks)

    def hide(image):
        return mse_over(fill(image, wide - masks), clean, wide - masks)

    slope = Objective(Losses(expansion=3, hide_weight=1.0), fill, x, masks, seeds).slope(noisy)[1]
    slope = slope - Objective(Losses(expansion=3, hide_weight=0.0), fill, x, masks, seeds).slope(noisy)[1]
    for place in ((0, 0, 4, 8), (0, 1, 10, 11), (0, 2, 17, 18)):
        step = torch.zeros_like(x)
        step[place] = 1e-6
        assert slope[place].item() == pytest.approx(((hide(noisy + step) - hide(noisy - step)) / 2e-6).item(), rel=1e-5)
        assert slope[place] != 0


def test_the_clean_pass_is_made_once_and_each_look_is_one_batch():
    x, fill, calls = pictures(), inpainter(), []

    def counted(images, masks):
        calls.append(len(images))
        return fill(images, masks)

    RuntimeFaithful(losses=LOSSES, iterations=5)(counted, x, masks_of(x), seeds=SEEDS)
    assert calls == [2, 6, 6, 6, 6, 6]
    calls.clear()
    distortions = Distortions(count=1)
    losses = Losses(expansion=3, distortions=distortions)
    RuntimePgd(losses=losses, iterations=1)(counted, x, masks_of(x), seeds=SEEDS)
    assert calls == [2, 12, 12]


@pytest.mark.parametrize(("height", "width"), [(24, 24), (21, 30), (17, 23)])
def test_any_size_comes_back_as_it_was(height, width):
    x = pictures(1, 32)[:, :, :height, :width]
    masks, fill = masks_of(x), inpainter()
    filled = fill(x, masks)
    assert isinstance(fill, Inpainter)
    assert filled.shape == x.shape
    assert torch.equal(filled * (1 - masks), x * (1 - masks))
    assert RuntimePgd(losses=LOSSES, iterations=1)(fill, x, masks, seeds=SEEDS[:1]).images.shape == x.shape


def test_padding_is_mirrored_edge_included_at_the_bottom_and_right():
    seen = []

    class Witness(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x[:, :3]

    x = pictures(1, 16)[:, :, :13, :15]
    Pasted(Witness())(x, torch.zeros_like(x[:, :1]))
    assert seen[0].shape == (1, 4, 16, 16)
    assert torch.equal(seen[0][:, :3, 13:, :15], x[:, :, [12, 11, 10]])
    assert torch.equal(seen[0][:, :3, :13, 15], x[:, :, :, 14])


def test_a_generator_is_taken_over_frozen():
    network = generator().train()
    fill = Pasted(network)
    assert not network.training
    assert not any(each.requires_grad for each in network.parameters())
    x = pictures(1).requires_grad_()
    fill(x, masks_of(x.detach())).sum().backward()
    assert x.grad is not None


BAD = {
    "empty": lambda x: torch.zeros_like(x[:, :1]),
    "covers everything": lambda x: torch.ones_like(x[:, :1]),
    "values between": lambda x: 0.5 * masks_of(x),
    "own size": lambda x: masks_of(x)[:, :, :-1],
    "mask of its own": lambda x: masks_of(x)[:1],
    "expanded by 8 pixels covers everything": lambda x: masks_of(x, (slice(7, 18), slice(7, 18))),
}


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_protected_is_said(words):
    x = pictures()
    with pytest.raises(BadData) as error:
        check(x, BAD[words](x), 8)
    assert words in str(error.value)
    assert error.value.remedy


def test_images_that_are_too_small_or_out_of_range_are_refused():
    x = pictures()
    with pytest.raises(BadData, match="smaller than the 17×17"):
        RuntimePgd()(inpainter(), x[:, :, :16], masks_of(x)[:, :, :16], seeds=SEEDS)
    with pytest.raises(BadData, match="range"):
        RuntimePgd()(inpainter(), 255 * x, masks_of(x), seeds=SEEDS)


def test_a_ring_without_expansion_is_refused():
    with pytest.raises(BadSetting, match="no ring"):
        Losses(expansion=0)
    with pytest.raises(BadSetting, match="quality"):
        Distortions(quality=(90, 50))
    with pytest.raises(ValueError):
        TypeAdapter(RuntimePgd).validate_python({"epsilom": 0.1})
