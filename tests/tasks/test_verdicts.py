"""Every sentence about a study is a function of its numbers: whatever direction they have, it has too."""

from typing import Any

import pytest

from tasks.generation import summarise_ablations as ablating
from tasks.invertibility import summarise_invertibility
from tasks.invertibility.invertible_training import CE, CONTROL, ICE
from tasks.protection.protection_verdict import quality, resistance, trained_on
from tasks.strategies import summarise_strategies
from tasks.transplant import summarise_transplants
from tasks.transplant.align import ALIGNED, AS_IS
from tasks.transplant.recipients import BADNETS
from tasks.transplant.summarise_transplants import costliest
from tasks.unseen import summarise_held_out
from tasks.unseen.held_out_rows import GENERATOR, MEAN_OF_ALIGNED, READOUT, REAL
from tasks.unseen.summarise_held_out import OWN

NAN = float("nan")
DATA = {"classes": 10, "majority": 0.11, "test": 500}


# invertibility
def loss(nuisance: float, error: float = 0.05, seeds: tuple[float, ...] = ()) -> dict[str, Any]:
    return {
        "nuisance_error": nuisance,
        "test_error": error,
        "metamers": {"vulnerable_share": 0.5},
        "shift": {"binary": {"shifted_error": 0.4}},
        "per_seed": [{"nuisance_error": each} for each in seeds or (nuisance,)],
    }


@pytest.mark.parametrize(
    ("ce", "ice", "words"),
    [
        (loss(0.1), loss(0.4), "raises the nuisance error from 10.0 % to 40.0 % (one seed), at"),
        (loss(0.4), loss(0.1), "lowers the nuisance error from 40.0 % to 10.0 % (one seed), at"),
        (loss(0.1), loss(0.08), "does not change the nuisance error: from 10.0 % to 8.0 % is within the sampling"),
        (loss(0.1), loss(0.1), "does not change the nuisance error"),
        (loss(0.1, seeds=(0.1, 0.1)), loss(0.4, seeds=(0.4, 0.41)), "raises the nuisance error from 10.0 % to 40.0 %,"),
        (loss(0.1, seeds=(0.1, 0.1)), loss(0.4, seeds=(0.9, -0.1)), "does not change the nuisance error"),
        (loss(NAN), loss(0.4), "The nuisance errors are not numbers"),
        (loss(0.9, 0.9), loss(0.9, 0.05), "Nothing can be concluded: cross-entropy (10.0 %) is no better"),
        (loss(0.1, 0.05), loss(0.9, NAN), "Nothing can be concluded: independence cross-entropy (–) is no better"),
    ],
    ids=["raised", "lowered", "noise", "equal", "seeds", "seeds disagree", "nan", "chance level", "nan error"],
)
def test_invertibility(ce: dict[str, Any], ice: dict[str, Any], words: str) -> None:
    said = summarise_invertibility.verdict({CE: ce, CONTROL: loss(0.2), ICE: ice}, DATA)
    assert words in said
    assert said.endswith(".")


def test_eight_images_show_no_change() -> None:
    few = {"classes": 10, "majority": 0.2, "test": 8}
    assert "does not change" in summarise_invertibility.verdict(
        {CE: loss(0.1), CONTROL: loss(0.2), ICE: loss(0.4)}, few
    )


# ablations
def cell(varied: str, gap: float, width: float = 0.001, original: float = 0.9) -> dict[str, Any]:
    interval = {"difference": gap, "ci95": [gap - width, gap + width]}
    return {"varied": varied, "value": "1", "difference": interval, "verdict": "noise", "original": {"mean": original}}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([cell("base", 0.0), cell("x", 0.01), cell("y", -0.02)], "y moves the generated accuracy most, by 2.00 points"),
        ([cell("base", 0.0), cell("x", 0.02), cell("y", -0.02)], "x and y move the generated accuracy most, by 2.00"),
        ([cell("base", 0.0), cell("x", 0.01, 0.05)], "no factor moves the generated accuracy beyond its intervals"),
        ([cell("base", 0.0), cell("x", 0.0)], "no factor moves the generated accuracy beyond its intervals"),
        ([cell("base", 0.0), cell("x", NAN), cell("y", 0.1)], "y moves the generated accuracy most, by 10.00"),
        ([cell("base", 0.0)], "0 of 1 cells pass the audit."),
        ([cell("base", 0.0, original=0.1)], "Nothing can be concluded: the average original of base = 1 (10.0 %)"),
    ],
    ids=["one", "equal", "wide intervals", "no effect", "nan", "base alone", "chance level"],
)
def test_ablations(cells: list[dict[str, Any]], words: str) -> None:
    assert words in ablating.verdict(cells, [], DATA)


def test_all_cells_failed() -> None:
    assert ablating.verdict([], [cell("x", 0.0)], DATA) == "All 1 cells failed."


def test_cells_that_stopped_are_named_where_nothing_is_concluded() -> None:
    said = ablating.verdict([cell("base", 0.0, original=0.1)], [cell("x", 0.0)], DATA)
    assert said.startswith("Nothing can be concluded")
    assert said.endswith("; 1 stopped: x = 1.")


# strategies
def strategy(diversity: float, home: float, away: float, original: float = 0.9, width: float = 0.01) -> dict[str, Any]:
    def spread(mean: float) -> dict[str, Any]:
        return {"mean": mean, "ci95": [mean - width, mean + width]}

    return {
        "diversity": diversity,
        "original": {"mean": original},
        "generated": spread(home),
        "transplanted": spread(away),
    }


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (
            {"a": strategy(0.5, 0.9, 0.5), "b": strategy(0.2, 0.8, 0.7)},
            "Of 2 strategies a collects the most different rows (diversity 0.50); at home generated parameters of a "
            "are best (90.0 %); in another network, aligned, generated parameters of b are best (70.0 %).",
        ),
        (
            {"a": strategy(0.5, 0.9, 0.5), "b": strategy(0.5, 0.895, 0.5)},
            "Of 2 strategies a and b collect the most different rows (diversity 0.50); at home generated parameters of "
            "a are best (90.0 %), not clearly ahead of b; in another network, aligned, generated parameters of a and b "
            "are best (50.0 %).",
        ),
        (
            {"a": strategy(NAN, 0.1, NAN)},
            "Of 1 strategies none has a diversity that is a number; at home no generated parameters are better than "
            "naming one class (11.0 %); in another network, aligned, no generated parameters are better than naming "
            "one class (11.0 %).",
        ),
        (
            {"a": strategy(0.5, 0.1, 0.1, original=0.1)},
            "Nothing can be concluded: the average collected model of every strategy (10.0 %) is no better on 500 test "
            "images than naming the most frequent class (11.0 %).",
        ),
    ],
    ids=["clear", "equal", "nan and chance", "nothing learnt"],
)
def test_strategies(done: dict[str, Any], expected: str) -> None:
    assert summarise_strategies.verdict(done, {}, DATA) == expected


def test_strategies_that_stopped_are_named() -> None:
    assert summarise_strategies.verdict({}, {"a": {}}, DATA) == "All 1 strategies stopped."
    said = summarise_strategies.verdict({"a": strategy(0.5, 0.9, 0.5)}, {"b": {}}, DATA)
    assert said.endswith("; 1 stopped: b.")
    said = summarise_strategies.verdict({"a": strategy(0.5, 0.9, 0.5, original=0.1)}, {"b": {}}, DATA)
    assert said.startswith("Nothing can be concluded")
    assert said.endswith("(11.0 %); 1 stopped: b.")


# transplants
def cause(mean: float, low: float, high: float) -> dict[str, Any]:
    return {"mean": mean, "difference": {"difference": (low + high) / 2, "ci95": [low, high]}}


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ({"a": cause(0.5, -0.5, -0.3), "b": cause(0.3, -0.7, -0.5)}, "The costliest single mistake: b, mean 30.0 %."),
        ({"a": cause(0.5, -0.5, -0.3), "b": cause(0.5, -0.5, -0.3)}, "The costliest single mistake: a and b, mean 50."),
        ({"a": cause(0.9, -0.1, 0.1)}, "No single mistake lowers the mean beyond its interval."),
        ({"a": cause(0.99, 0.1, 0.2)}, "No single mistake lowers the mean beyond its interval."),
        ({"a": cause(NAN, NAN, NAN)}, "No single mistake lowers the mean beyond its interval."),
        ({}, "No single mistake lowers the mean beyond its interval."),
    ],
    ids=["costs", "equal", "noise", "gains", "nan", "none tried"],
)
def test_the_costliest_mistake(causes: dict[str, Any], expected: str) -> None:
    assert costliest({"none": {"mean": 0.9}} | causes).startswith(expected)


def transplant(clean: float, asr: float) -> dict[str, Any]:
    aligned = {"kept": 0.9, "mean": 0.85, "n": 20, "asr_mean": 0.5}
    return {
        "transplants": {BADNETS: {"generated": {ALIGNED: aligned, AS_IS: {"kept": 0.1}}}},
        "recipients": {BADNETS: {"clean_accuracy": clean, "asr": asr}},
        "fine_tuning": {"asr_mean": 0.2},
        "causes": {},
        "defences": [{"name": "fine_tuned", "defence": False}],
        "data": DATA,
    }


@pytest.mark.parametrize(
    ("clean", "asr", "words"),
    [
        (0.95, 0.99, "Aligned, generated parameters keep 90.0 %"),
        (0.1, 0.99, "Nothing can be concluded: the backdoored network (10.0 %) is no better"),
        (NAN, 0.99, "Nothing can be concluded: the backdoored network (–)"),
        (0.95, 0.1, "Nothing can be concluded: the backdoor was not learnt"),
        (0.95, NAN, "Nothing can be concluded: the backdoor was not learnt"),
    ],
)
def test_transplants(clean: float, asr: float, words: str) -> None:
    assert summarise_transplants.verdict(transplant(clean, asr)).startswith(words)


# networks never seen
@pytest.mark.parametrize(
    ("own", "made", "words"),
    [
        (0.9, 0.8, "on 2 of 2 networks generated rows are no more than 3 points below"),
        (0.9, 0.2, "on 0 of 2 networks"),
        (0.9, NAN, "on 0 of 2 networks"),
        (0.1, 0.1, "Nothing can be concluded: the networks' own rows (10.0 %)"),
    ],
)
def test_networks_never_seen(own: float, made: float, words: str) -> None:
    means = {GENERATOR: made, REAL: 0.8, MEAN_OF_ALIGNED: 0.8, OWN: own, READOUT: 0.9}
    told = {name: {"mean": mean} for name, mean in means.items()}
    assert words in summarise_held_out.verdict(told, {"1": told, "2": told}, DATA)


# protection
def curve(*points: tuple[float, float, float], broken: float | None) -> dict[str, Any]:
    line = [{"epsilon": e, "ssim_edit": edit, "control_ssim_edit": control} for e, edit, control in points]
    return {"curve": line, "broken_at": broken}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (curve((0.02, 0.9, 0.99), (0.03, 0.4, 0.95), broken=0.03), "lama is vulnerable from ε = 0.03 on"),
        (curve((0.02, 0.9, 0.99), (0.03, 0.8, 0.95), broken=None), "lama resists: at the largest ε tried, 0.03"),
        (curve((0.03, 0.4, 0.41), broken=0.03), "random noise of the same size spoils them too (0.410)"),
        (curve((0.03, NAN, 0.9), broken=None), "Nothing can be concluded about lama"),
        (curve(broken=None), "Nothing can be concluded about lama"),
    ],
    ids=["vulnerable", "resists", "noise does it too", "nan", "nothing tried"],
)
def test_resistance(told: dict[str, Any], words: str) -> None:
    assert words in resistance("lama", told, 0.45)


@pytest.mark.parametrize(
    ("triggered", "falsely", "words"),
    [
        (0.9, 0.0, "backdoor was learnt: with"),
        (0.0, 0.0, "backdoor was not learnt: with"),
        (0.5, 0.0, "backdoor was not learnt: with"),
        (0.9, 0.9, "was not learnt, the fills are spoilt without the trigger too: with"),
        (NAN, 0.0, "cannot be said"),
    ],
)
def test_the_backdoor_of_an_inpainter(triggered: float, falsely: float, words: str) -> None:
    told = {"triggered": triggered, "falsely_triggered": falsely, "ssim_edit": 0.2, "ssim_kept": 0.9}
    assert words in trained_on(told)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ((0.1, 0.9), "at least as well as Telea's method ("),
        ((0.2, 0.8), "at least as well as Telea's method ("),
        ((0.3, 0.7), "worse than Telea's method"),
        ((0.1, 0.7), "at least as well as Telea's method by L1, worse by SSIM"),
        ((0.3, 0.9), "at least as well as Telea's method by SSIM, worse by L1"),
        ((NAN, 0.9), "is not known"),
    ],
    ids=["better", "equal", "worse", "mixed", "mixed the other way", "nan"],
)
def test_quality_of_fills(own: tuple[float, float], words: str) -> None:
    told = {"masked_l1": own[0], "masked_ssim": own[1], "telea_masked_l1": 0.2, "telea_masked_ssim": 0.8}
    assert words in quality("lama", told)
