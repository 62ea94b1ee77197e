"""The marks have the class where they should, in training and by chance in testing, and nothing else has."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from methods.errors import BadData
from methods.invertibility.shifts import Binary, Mark, Textured, carried, shifted


def data(n=60, shape=(1, 8, 8)):
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 200, (n, *shape), generator=draw, dtype=torch.uint8), torch.arange(n) % 10


def test_one_pixel_of_the_border_is_the_class():
    images, labels = data(shape=(3, 8, 8))
    marked = carried(Binary(), images, labels, classes=10, seed=0)
    assert torch.equal(marked[:, :, 1:-1, 1:-1], images[:, :, 1:-1, 1:-1])
    border = marked.clone()
    border[:, :, 1:-1, 1:-1] = 0
    assert (border == 255).flatten(2).sum(2).tolist() == [[1, 1, 1]] * 60
    assert border.unique().tolist() == [0, 255]
    places = border[:, 0].flatten(1).long().argmax(1)
    assert len(places.unique()) == 10
    assert all(len(places[labels == k].unique()) == 1 for k in range(10))
    other = carried(Binary(places_seed=1), images, labels, classes=10, seed=0)
    assert not torch.equal(other, marked)


def test_stripes_run_as_the_class_says_and_their_phase_is_drawn():
    images, labels = torch.zeros(40, 1, 16, 16, dtype=torch.uint8), torch.arange(40) % 4
    mark = Textured(period=4.0, brightness=200)
    marked = carried(mark, images, labels, classes=4, seed=0)
    # of four directions 0 is constant down, and 2, a right angle to it, across
    assert (marked[labels == 0].float().std(2) == 0).all()
    assert (marked[labels == 2].float().std(3) == 0).all()
    assert (marked[labels == 1].float().std(3) > 10).all()
    assert marked.max() <= 200
    assert not torch.equal(marked[0], marked[4])
    spectrum = torch.fft.rfft(marked[labels == 0][:, 0, 0].float(), dim=1).abs()[:, 1:]
    assert (spectrum.argmax(1) == 3).all()  # 16 pixels hold four periods of 4
    bright = torch.full_like(images, 255)
    assert torch.equal(carried(mark, bright, labels, classes=4, seed=0), bright)


@pytest.mark.parametrize("mark", [Binary(), Textured()], ids=str)
def test_shifted_marks_say_nothing_and_the_seed_decides(mark):
    assert isinstance(mark, Mark)
    images, labels = data(400)
    before = images.clone()
    first, again, other = (shifted(mark, images, classes=10, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)
    if isinstance(mark, Binary):
        own = carried(mark, images, labels, classes=10, seed=0)
        share = (first == own).flatten(1).all(1).double().mean()
        assert 0.03 < share < 0.2  # by chance one in ten


def test_a_border_too_small_is_refused():
    images, _ = data(shape=(1, 3, 3))
    with pytest.raises(BadData, match="8 places for 10 classes"):
        shifted(Binary(), images, classes=10, seed=0)


def test_configurations_validate_by_their_tag():
    adapter = TypeAdapter(Binary | Textured)
    assert adapter.validate_python({"kind": "textured", "period": 3.0}) == Textured(period=3.0)
    for wrong in ({"kind": "binary", "value": 0}, {"kind": "textured", "period": 2.0}, {"kind": "binary", "size": 1}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
