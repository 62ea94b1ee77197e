"""From tables to sentences: selection on validation, the worst gates, and verdicts that the numbers bear."""

import numpy as np
import pytest

from storage.scores import Scores
from tasks.generation.summarise import _worst_gates, distributions, selection, verdict


def scores(*models: tuple[str, int, float, float]) -> Scores:
    """Models as (generator, seed, validation accuracy, test accuracy), counted per generator and seed."""
    names, seeds, validation, test = (list(column) for column in zip(*models, strict=True))
    owners = list(zip(names, seeds, strict=True))
    nothing = np.zeros((len(models), 1), np.uint8)
    return Scores(
        generator=np.array(names, object),
        seed=np.array(seeds),
        index=np.array([owners[:position].count(owner) for position, owner in enumerate(owners)]),
        validation_accuracy=np.array(validation),
        test_accuracy=np.array(test),
        validation_predictions=nothing,
        test_predictions=nothing,
    )


def test_selection_never_looks_at_test() -> None:
    chosen = selection(
        scores(
            ("original", 0, 0.5, 0.9),
            ("original", 0, 0.8, 0.4),
            ("original", 1, 0.8, 0.95),
            ("ddpm", 0, 0.1, 1.0),
            ("ddpm", 1, 0.2, 0.3),
            ("ddpm", 1, 0.7, 0.2),
        )
    )
    assert chosen == {
        "original": {"chosen_index": 1, "seed": 0, "validation_accuracy": 0.8, "test_accuracy": 0.4},
        "ddpm": {"chosen_index": 1, "seed": 1, "validation_accuracy": 0.7, "test_accuracy": 0.2},
    }


def test_distributions_are_of_test_accuracies() -> None:
    told = distributions(
        scores(("original", 0, 0.0, 0.9), ("original", 1, 0.0, 0.7), ("a", 0, 0.0, 0.5), ("b", 0, 0.0, 0.6)), seed=0
    )
    assert told["original"]["accuracies"] == [0.9, 0.7]
    assert {name: each["mean"] for name, each in told["generated"].items()} == {"a": 0.5, "b": 0.6}
    assert told["differences"]["a"]["difference"] == pytest.approx(-0.3)
    assert "original" not in told["generated"]


def study(made: list[float], original: list[float], averaged: float) -> dict:
    models = [("original", 0, 0.0, each) for each in original] + [("ddpm", 0, 0.0, each) for each in made]
    told = distributions(scores(*models, ("mean", 0, 0.0, averaged)), seed=0)
    return told | {"per_seed": {"0": told}, "audit": {"ddpm": {"verdict": "collapsed"}}}


LOW, HIGH = [0.7, 0.72] * 10, [0.9, 0.92] * 10
EQUAL = ("cannot be told from their originals", "about as well")


@pytest.mark.parametrize(
    ("made", "original", "averaged", "words"),
    [
        (HIGH, LOW, 0.5, ("better than their originals", "+20.00 points", "averaging the snapshots does worse")),
        (LOW, HIGH, 0.9, ("worse than their originals", "−20.00 points", "simply averaging the snapshots does better")),
        ([0.7, 0.9] * 10, [0.72, 0.88] * 10, 0.8, EQUAL),
        ([0.1] * 4, [0.1] * 12, 0.1, EQUAL),
        ([0.7] * 7, [0.7] * 5, 0.7, EQUAL),
    ],
)
def test_verdicts(made: list[float], original: list[float], averaged: float, words: tuple[str, ...]) -> None:
    said = verdict(study(made, original, averaged), "ddpm")
    for word in words:
        assert word in said
    assert f"n = {len(made)} against {len(original)}" in said
    assert said.endswith("Audit: collapsed.")
    verdicts = ("better than their", "worse than their", "cannot be told")
    assert sum(each in said for each in verdicts) == 1


DATA = {"classes": 10, "majority": 0.11, "test": 100}


@pytest.mark.parametrize(
    ("made", "original", "words"),
    [
        (LOW, [0.1, 0.12] * 10, "the average original (11.0 %) is no better on 100 test images"),
        ([0.7] * 3, HIGH, "3 generated models and 20 originals are too few"),
        ([0.7], [0.7], "1 generated models and 1 originals are too few"),
    ],
    ids=["nothing learnt", "too few", "single"],
)
def test_nothing_is_concluded(made: list[float], original: list[float], words: str) -> None:
    said = verdict(study(made, original, 0.5) | {"data": DATA}, "ddpm")
    assert said.startswith("Nothing can be concluded")
    assert words in said
    assert "better than their originals" not in said


def test_generated_models_at_chance_level_are_worse_than_trained_originals() -> None:
    assert "worse than their originals" in verdict(study([0.1, 0.12] * 10, HIGH, 0.9) | {"data": DATA}, "ddpm")


def test_one_network_is_named_as_one() -> None:
    one = study(LOW, HIGH, 0.8)
    assert "does better on the one network there is (" in verdict(one, "ddpm")
    assert "one network" not in verdict(one | {"per_seed": {"0": one, "1": one}}, "ddpm")


def test_averaging_is_better_only_if_it_is_on_every_network() -> None:
    better, worse = study(LOW, HIGH, 0.8), study(LOW, HIGH, 0.6)
    both = better | {"per_seed": {"0": better, "1": better}}
    mixed = better | {"per_seed": {"0": better, "1": worse}}
    assert "simply averaging the snapshots does better" in verdict(both, "ddpm")
    assert "averaging the snapshots does about as well" in verdict(mixed, "ddpm")


def gate(value: float, limit: float) -> dict:
    return {"value": value, "limit": limit, "passed": True, "meaning": ""}


def test_the_gates_of_the_seed_that_came_closest() -> None:
    easy = {"scale": gate(1.0, 4.0), "accuracy": gate(0.99, 0.5)}
    close = {"scale": gate(0.9, 4.0), "accuracy": gate(0.51, 0.5)}
    found = _worst_gates([easy, close])
    assert found["accuracy"] == close["accuracy"]
    assert found["scale"] == easy["scale"]
    assert _worst_gates([close]) == close
