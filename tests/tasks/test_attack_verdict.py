"""Sentences about attacked networks follow their numbers: nothing learnt, chance level, equal, reversed, too few."""

from typing import Any

import numpy as np
import pytest

from tasks.robustness.attack_metrics import Budgets, attacked_models
from tasks.robustness.attack_verdict import ranked, siblings, standing, verdict

NAN = float("nan")


def masking(masked: bool = False, samples: int = 40, broken_by: str | None = None) -> dict[str, Any]:
    return {"masked": masked, "samples": samples, "broken_by": broken_by}


def network(clean: float, worst: float, *, trained: bool = True, told: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "clean_accuracy": clean,
        "worst_case_accuracy": worst,
        "trained": trained,
        "images": 40,
        "masking": masking() if told is None else told,
        "attacks": {},
    }


def members(*accuracies: float, trained: bool = True) -> dict[str, Any]:
    attacks = {"fgsm": {"per_member": {"accuracies": list(accuracies)}} if len(accuracies) > 1 else {}}
    return {"trained": trained, "masking": None, "attacks": attacks}


USUAL, ROBUST = network(0.95, 0.1), network(0.9, 0.6)
IDLE = network(0.1667, 0.1667, trained=False)
MASKED = network(0.95, 0.3, told=masking(True, broken_by="cw_l2"))


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (
            {"a": USUAL, "b": ROBUST},
            "Under all attacks within the budgets b keeps 60.0 % of the images (n = 40), a 10.0 %.",
        ),
        (
            {"a": ROBUST, "b": ROBUST, "c": USUAL},
            "Under all attacks within the budgets a and b keep 60.0 % of the images (n = 40), c 10.0 %.",
        ),
        (
            {"a": network(0.95, 0.0), "b": network(0.9, 0.0)},
            "Under all attacks within the budgets no network keeps any of the images (n = 40).",
        ),
        (
            {"idle": IDLE, "a": USUAL},
            "Under all attacks within the budgets a keeps 10.0 % of the images (n = 40); idle (16.7 %) is not trained: "
            "no better on clean images than naming one class.",
        ),
        (
            {"idle": IDLE, "other": network(0.0, 0.0, trained=False)},
            "Robustness cannot be judged: idle (16.7 %) and other (0.0 %) are not trained: no better on clean images "
            "than naming one class.",
        ),
        (
            {"a": USUAL, "m": MASKED},
            "Under all attacks within the budgets m keeps 30.0 % of the images (n = 40), a 10.0 %; m (broken by cw_l2) "
            "relies on gradient masking.",
        ),
        (
            {"a": network(0.95, NAN), "b": ROBUST},
            "Under all attacks within the budgets b keeps 60.0 % of the images (n = 40), a –.",
        ),
        ({"a": network(0.95, NAN)}, "The worst-case accuracies are not numbers."),
    ],
    ids=["usual", "equal", "nothing left", "chance level", "nothing learnt", "masked", "one nan", "all nan"],
)
def test_verdict(models: dict[str, Any], expected: str) -> None:
    assert verdict(models) == expected


def test_an_untrained_network_that_masks_is_not_called_masked() -> None:
    said = verdict({"idle": network(0.1, 0.1, trained=False, told=masking(True)), "a": USUAL})
    assert "masking" not in said


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (USUAL, "honest"),
        (MASKED, "masked"),
        (IDLE, "not trained"),
        (network(0.0, 0.0, trained=False, told=masking(True)), "not trained"),
        (network(0.95, 0.1, told=masking(samples=9)), "too few images"),
        ({**USUAL, "masking": None}, ""),
        ({key: value for key, value in USUAL.items() if key != "trained"}, "honest"),
    ],
)
def test_standing(model: dict[str, Any], expected: str) -> None:
    assert standing(model) == expected


def test_networks_that_are_not_trained_come_last() -> None:
    models = {"idle": IDLE, "zero": network(0.9, 0.0), "nan": network(0.9, NAN), "a": USUAL, "best": ROBUST}
    assert ranked(models) == ["best", "a", "zero", "nan", "idle"]


@pytest.mark.parametrize(
    ("generated", "collected", "words"),
    [
        (members(*[0.6, 0.62] * 5), members(*[0.4, 0.42] * 5), "keep 20.0 points more than"),
        (members(*[0.4, 0.42] * 5), members(*[0.6, 0.62] * 5), "keep 20.0 points less than"),
        (members(*[0.4, 0.6] * 5), members(*[0.42, 0.58] * 5), "as much as collected ones within the sampling error"),
        (members(0.5, 0.5), members(0.5, 0.5), "95 % interval +0.0 to +0.0 points"),
        (members(0.5), members(0.6), "too few generated and collected models"),
        (members(0.1, 0.1, trained=False), members(0.1, 0.1), "not both trained"),
    ],
    ids=["more", "less", "unclear", "equal", "too few", "nothing learnt"],
)
def test_generated_beside_collected(generated: dict[str, Any], collected: dict[str, Any], words: str) -> None:
    assert words in siblings(generated, collected)


def table(right: int, n: int) -> dict[str, np.ndarray]:
    """One attack that turns nothing, on n images of two classes in turn."""
    labels = np.arange(n) % 2
    answers = np.where(np.arange(n) < right, labels, 1 - labels)
    zeros = np.zeros(n)
    return {
        "model": np.array(["a"] * n),
        "attack": np.array(["fgsm"] * n),
        "sample": np.arange(n),
        "member": zeros.astype(int),
        "label": labels,
        "clean_prediction": answers,
        "success": zeros.astype(bool),
        **dict.fromkeys(("l0", "l1", "l2", "linf", "forwards", "backwards", "seconds"), zeros),
    }


@pytest.mark.parametrize(
    ("right", "n", "trained"), [(0, 12, False), (6, 12, False), (12, 12, True), (55, 100, False), (70, 100, True)]
)
def test_a_network_is_trained_if_chance_does_not_explain_its_accuracy(right: int, n: int, trained: bool) -> None:
    model = attacked_models(table(right, n), Budgets(linf=0.1, l2=1.0, l1=1.0, l0=1))["a"]
    assert (model["images"], model["chance"], model["trained"]) == (n, 0.5, trained)
