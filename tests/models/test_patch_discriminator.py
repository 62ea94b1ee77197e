"""The judge of patches: sizes, and that no image changes the judgement of another."""

import torch

from models.patch_discriminator import PatchDiscriminator, build_discriminator


def test_a_logit_per_patch_and_the_maps_of_each_layer() -> None:
    judge = build_discriminator(PatchDiscriminator(width=4, layers=3), seed=0)
    images = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    logits, features = judge(images)
    assert logits.shape == (3, 1, 4, 6)
    assert [tuple(each.shape[1:]) for each in features] == [(4, 16, 24), (8, 8, 12), (16, 4, 6)]
    torch.testing.assert_close(judge(images[:1])[0], logits[:1])


def test_the_seed_decides_and_nothing_else_changes() -> None:
    config = PatchDiscriminator(width=2, layers=1)
    before = torch.random.get_rng_state()
    first, same, other = (build_discriminator(config, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["verdict.weight"], other["verdict.weight"])
