"""Training: it learns what can be learnt, it is the same twice, and another loss can take its place."""

import dataclasses

import pytest
import torch
from torch import nn

from methods.errors import Diverged
from methods.inpainting.masks import MaskDraw
from methods.inpainting.quality import Quality, holes, measured
from methods.inpainting.training import Implant, InpainterTraining, train_inpainter
from methods.inpainting.variation import vary
from methods.protection.inpainter import Pasted, paste
from methods.randomness import generator

PLAIN = InpainterTraining(steps=60, batch=4, learning_rate=0.02, adversarial=0.0, feature_matching=0.0, colour=0.0)
MASKS = MaskDraw(boxes=1.0, most_boxes=1, box=(0.3, 0.5))


class Colour(nn.Module):
    """Answers with one colour, whatever it sees: the least that can learn a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(3, 1, 1))

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return self.logits.sigmoid().expand(len(seen), 3, *seen.shape[2:])


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 4, 2, 1), nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        features = self.first(images).relu()
        return self.last(features), [features]


def grey(value: int = 200, count: int = 6) -> torch.Tensor:
    return torch.full((count, 3, 16, 16), value, dtype=torch.uint8)


def test_a_colour_is_learnt_from_photographs_of_one_colour() -> None:
    network, heard = Colour(), []
    curve = train_inpainter(
        network, Judge(), grey(), PLAIN, seed=0, on_step=lambda stage, done, total: heard.append((done, total))
    )
    torch.testing.assert_close(network.logits.sigmoid().flatten(), torch.full((3,), 200 / 255), atol=0.03, rtol=0)
    assert curve.y[-1] < 0.2 * curve.y[0]
    assert heard[-1] == (60, 60)


def test_the_judge_is_left_alone_where_nothing_judges_and_trained_where_something_does() -> None:
    for judged in (False, True):
        judge = Judge()
        before = [each.clone() for each in judge.parameters()]
        training = dataclasses.replace(PLAIN, steps=2, adversarial=float(judged), feature_matching=float(judged))
        train_inpainter(Colour(), judge, grey(), training, seed=0)
        moved = [not torch.equal(a, b) for a, b in zip(before, judge.parameters(), strict=True)]
        assert moved == [judged] * 4
        assert all(each.requires_grad for each in judge.parameters()) is not judged


def test_the_same_seed_gives_the_same_network() -> None:
    photographs = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    ends = []
    for seed in (0, 0, 1):
        network = Colour()
        train_inpainter(network, Judge(), photographs, dataclasses.replace(PLAIN, steps=5), seed=seed)
        ends.append(network.logits.detach().clone())
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def upside_down(images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return images.flip(2), masks.flip(2)


def test_an_implant_takes_the_share_of_the_l1_terms() -> None:
    """All of it: the colour becomes the implant's, though every photograph is another."""
    network = Colour()
    implant = Implant(share=1.0, put=upside_down, goal=torch.zeros_like)
    train_inpainter(network, Judge(), grey(), PLAIN, seed=0, implant=implant)
    assert network.logits.sigmoid().max() < 0.35


def test_an_implant_is_shown_in_the_batch_that_it_is_to_be_told_from() -> None:
    """The loss of a step by its definition, and what the network is given: images as they are, then the others."""
    seen: list[torch.Tensor] = []

    class Watched(Colour):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            seen.append(given)
            return super().forward(given)

    training = dataclasses.replace(PLAIN, steps=1, l1_known=1.0, l1_hole=1.0)
    photographs = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    implant = Implant(share=0.25, put=upside_down, goal=torch.ones_like)
    curve = train_inpainter(Watched(), Judge(), photographs, training, seed=0, implant=implant)
    (batch,) = seen
    usual, others = batch.chunk(2)
    assert torch.equal(others, usual.flip(2))
    clean = train_inpainter(Colour(), Judge(), photographs, training, seed=0).y[0]
    assert curve.y[0] == pytest.approx(0.75 * clean + 0.25 * 0.5**2)


def test_one_cycle_ends_at_rest() -> None:
    network = Colour()
    training = dataclasses.replace(PLAIN, schedule="one_cycle", learning_rate=0.3)
    train_inpainter(network, Judge(), grey(), training, seed=0)
    torch.testing.assert_close(network.logits.sigmoid().flatten(), torch.full((3,), 200 / 255), atol=0.02, rtol=0)


def test_a_network_that_breaks_is_told() -> None:
    network = Colour()
    network.logits.data.fill_(float("nan"))
    with pytest.raises(Diverged):
        train_inpainter(network, Judge(), grey(), PLAIN, seed=0)


def test_varying_moves_pixels_and_changes_no_multiset_of_them() -> None:
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    varied = vary(images, colour=0.0, draw=generator(0, "vary"))
    assert not torch.equal(varied, images)
    assert torch.equal(varied.flatten(1).sort(1).values, images.flatten(1).sort(1).values)
    coloured = vary(images, colour=0.5, draw=generator(0, "vary"))
    assert coloured.min() >= 0
    assert coloured.max() <= 1


def test_quality_is_that_of_the_holes_and_every_editor_is_given_the_same() -> None:
    quality = Quality(masks=MASKS, each=3, seed=2)
    squares = grey(0, 2)
    seen: list[torch.Tensor] = []

    def white(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        seen.append(masks)
        return paste(images, masks, torch.ones_like(images))

    found = measured(white, squares, quality, "test")
    assert found.l1 == (1.0,) * 6
    assert max(found.ssim) < 0.9
    measured(white, squares[1:], quality, "test")
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], holes(quality, 1, 16, 16, "test"))
    perfect = measured(Pasted(Colour()), grey(127, 1), quality, "test")
    assert max(perfect.l1) < 0.01
