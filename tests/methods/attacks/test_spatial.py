import torch

from methods.attacks.goals import Untargeted
from methods.attacks.measuring import measure
from methods.attacks.spatial import Spatial, moved
from tests.methods.attacks.victims import trained, unseen


def test_a_quarter_turn_is_that_of_the_pixels():
    x = torch.rand(2, 3, 7, 7, dtype=torch.float64)
    assert torch.allclose(moved(x, 90.0, 0.0, 0.0), x.rot90(1, (2, 3)))
    assert torch.allclose(moved(x, 180.0, 0.0, 0.0), x.flip(2, 3))


def test_half_a_turn_and_quarters_keep_the_shape_of_what_is_not_square():
    x = torch.zeros(1, 1, 5, 9, dtype=torch.float64)
    x[0, 0, 2, 2:7] = 1  # a line of five pixels through the middle
    assert torch.allclose(moved(x, 90.0, 0.0, 0.0)[0, 0, :, 4], torch.ones(5, dtype=torch.float64))
    assert torch.allclose(moved(x, 180.0, 0.0, 0.0), x)


def test_a_shift_moves_whole_pixels_down_and_right_and_is_black_behind():
    x = torch.rand(2, 1, 5, 10, dtype=torch.float64)
    expected = torch.zeros_like(x)
    expected[:, :, 1:, 2:] = x[:, :, :-1, :-2]
    assert torch.allclose(moved(x, 0.0, 1 / 5, 2 / 10), expected)


def test_turned_first_and_then_moved():
    x = torch.rand(1, 1, 6, 6, dtype=torch.float64)
    assert torch.allclose(moved(x, 90.0, 1 / 6, 0.0), moved(moved(x, 90.0, 0.0, 0.0), 0.0, 1 / 6, 0.0))


def test_the_grid_has_all_points_mildest_first():
    grid = Spatial().grid()
    assert len(set(grid)) == len(grid) == 31 * 5 * 5
    assert grid[0] == (0.0, 0.0, 0.0)
    sizes = [sum(map(abs, point)) for point in grid]
    assert sizes == sorted(sizes)
    assert {point[1] for point in grid} == {-1.0, -0.5, 0.0, 0.5, 1.0}
    assert Spatial(rotations=1, shifts=1).grid() == [(0.0, 0.0, 0.0)]


class Corner(torch.nn.Module):
    """Class 1 where there is light in the lower right corner."""

    def forward(self, x):
        return torch.stack([0 * x[:, 0, 0, 0] + 0.5, x[:, 0, -1, -1]], 1)


def test_it_finds_the_one_place_of_the_grid_and_goes_no_further():
    x = torch.zeros(2, 1, 5, 5, dtype=torch.float64)
    x[0, 0, 3, 3] = x[1, 0, 2, 2] = 1.0  # the second would have to move by two pixels
    attack = Spatial(degrees=0.0, shift=0.2, rotations=1, shifts=3)
    found = measure(attack, Corner().eval(), x, Untargeted(torch.zeros(2, dtype=torch.int64)), seeds=torch.arange(2))
    assert found.success.tolist() == [True, False]
    assert found.images[0].nonzero().tolist() == [[0, 4, 4]]
    assert found.forwards.tolist() == [len(attack.grid()), 9]
    assert (found.backwards == 0).all()


def test_a_wider_grid_breaks_more():
    images, labels = unseen(60)
    narrow, wide = (
        measure(Spatial(degrees=degrees, rotations=7, shifts=1), trained(), images, Untargeted(labels), seeds=labels)
        for degrees in (5.0, 40.0)
    )
    assert wide.success.sum() > narrow.success.sum() + 5
