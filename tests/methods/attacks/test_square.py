import pytest
import torch

from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure
from methods.attacks.pending import Pending
from methods.attacks.pgd import Pgd
from methods.attacks.square import Square, _window
from tests.methods.attacks.victims import Constant, trained, unseen


class Rounded(torch.nn.Module):
    """Sees 16 shades only, and has no gradient."""

    def forward(self, x):
        return trained()((x * 15).round() / 15)


def test_it_finds_without_gradients_what_gradients_do_not_show():
    images, labels = unseen(60)
    goal, seeds = Untargeted(labels), torch.arange(60)
    square = measure(Square(queries=300), Rounded().eval(), images, goal, seeds=seeds)
    pgd = measure(Pgd(random_start=False), Rounded().eval(), images, goal, seeds=seeds)
    assert square.success.double().mean() > 0.5
    assert pgd.success.sum() == 0
    assert (square.backwards == 0).all()


def test_every_pixel_ends_at_plus_or_minus_epsilon_or_at_the_box():
    images, labels = unseen(20)
    found = measure(Square(queries=50), trained(), images, Untargeted(labels), seeds=torch.arange(20))
    broken = found.success
    assert broken.any()
    above, below = ((images[broken] + sign * 0.1).clamp(0, 1) for sign in (1, -1))
    changed = found.images[broken]
    assert ((changed == above) | (changed == below)).all()


def test_no_sample_is_looked_at_more_often_than_allowed():
    images = unseen(3)[0]
    found = measure(
        Square(queries=30), Constant().eval(), images, Untargeted(torch.zeros(3).long()), seeds=torch.arange(3)
    )
    assert found.forwards.tolist() == [31, 31, 31]


@pytest.mark.parametrize(
    ("query", "side"), [(0, 9), (9, 9), (10, 6), (49, 6), (50, 4), (200, 3), (1000, 2), (2000, 2), (4000, 1), (9999, 1)]
)
def test_squares_shrink_by_the_schedule_of_the_paper(query, side):
    """p = 0.8 of 10×10 pixels, halved after 10, 50, 200, 1000, 2000, 4000, 6000 and 8000 of 10,000 queries."""
    grey = torch.full((200, 1, 10, 10), 0.5)
    attack = Square(queries=10_000)
    pending = Pending.all(Constant(), grey, Untargeted(torch.zeros(200, dtype=torch.int64)), torch.arange(200))
    changed = attack._with_square(pending, grey, query) != grey
    rows, columns = changed.any(3).sum(2), changed.any(2).sum(2)
    assert (rows == side).all()
    assert (columns == side).all()
    assert (changed.flatten(1).sum(1) == side**2).all()


def test_a_window_lies_anywhere_equally_often():
    inside = _window(torch.rand(8000, generator=torch.Generator().manual_seed(0)), 3, 6)
    assert (inside.sum(1) == 3).all()
    first = inside.int().argmax(1)
    shares = torch.bincount(first, minlength=6).double() / 8000
    assert (shares[:4] - 0.25).abs().max() < 0.02
    assert shares[4:].sum() == 0


def test_a_square_is_kept_only_where_the_margin_falls():
    """The classifier wants the left half light and the right half dark; each accepted image is nearer to that."""
    wanted = torch.ones(1, 8, 8, dtype=torch.float64)
    wanted[:, :, 4:] = -1

    class Wants(torch.nn.Module):
        def forward(self, x):
            gain = ((x - 0.5) * wanted).flatten(1).mean(1)
            return torch.stack([0.099 + 0 * gain, gain], 1)

    x = torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64)
    found = measure(Square(queries=3000), Wants().eval(), x, Untargeted(torch.tensor([0])), seeds=torch.tensor([0]))
    assert found.success.all()
    assert torch.allclose(found.images - x, 0.1 * wanted)
