import pytest
import torch

from tasks.results.significance import above_chance, best, chance_of, change, direction, listed, majority, untrained

NAN = float("nan")


@pytest.mark.parametrize(
    ("accuracy", "images", "chance", "expected"),
    [
        (0.1667, 12, 0.1, False),
        (0.0, 40, 0.1, False),
        (0.1, 10_000, 0.1, False),
        (0.11, 10_000, 0.1, True),
        (0.5, 12, 0.1, True),
        (1.0, 1, 0.1, False),  # one image says nothing
        (1.0, 100, 1.0, False),  # a single class
        (NAN, 100, 0.1, False),
        (0.9, 0, 0.1, False),
    ],
)
def test_above_chance(accuracy: float, images: int, chance: float, expected: bool) -> None:
    assert above_chance(accuracy, images, chance) is expected


def test_chance_is_the_most_frequent_class() -> None:
    assert majority(torch.tensor([0, 0, 1, 2])) == 0.5
    assert majority(torch.tensor([], dtype=torch.int64)) == 1.0
    assert chance_of({"classes": 10, "majority": 0.3}) == 0.3
    assert chance_of({"classes": 10}) == 0.1


def test_untrained_networks_are_named() -> None:
    data = {"classes": 2, "majority": 0.5, "test": 100}
    assert untrained({"a": 0.9}, data) == ""
    said = untrained({"a": 0.9, "b": 0.51, "c": NAN}, data)
    assert said.startswith("Nothing can be concluded: b (51.0 %) and c (–) are no better on 100 test images")


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((0.1, 0.2), "higher"), ((-0.2, -0.1), "lower"), ((-0.1, 0.1), "equal"), ((0, 0), "equal"), ((NAN, 1), "unknown")],
)
def test_direction(interval: tuple[float, float], expected: str) -> None:
    assert direction(interval) == expected


@pytest.mark.parametrize(
    ("before", "after", "images", "seeds", "expected"),
    [
        (0.1, 0.4, 500, (), "higher"),
        (0.4, 0.1, 500, (), "lower"),
        (0.1, 0.08, 500, (), "equal"),
        (0.1, 0.4, 8, (), "equal"),
        (0.0, 0.0, 500, (), "equal"),
        (0.1, 0.4, 500, [(0.1, 0.9), (0.1, -0.1)], "equal"),  # the seeds disagree
        (0.1, 0.4, 500, [(0.1, 0.4), (0.1, 0.41)], "higher"),
        (NAN, 0.4, 500, (), "unknown"),
        (0.1, 0.4, 0, (), "unknown"),
    ],
)
def test_change(before: float, after: float, images: int, seeds: object, expected: str) -> None:
    assert change(before, after, images, seeds) == expected


def test_the_best_may_be_several() -> None:
    assert best({"a": 0.5, "b": 0.5, "c": 0.4, "d": NAN}) == ["a", "b"]
    assert best({"a": NAN}) == []
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
