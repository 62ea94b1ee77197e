"""The tables of an invertibility study, their cells as text, for page, terminal and Markdown alike."""

from collections.abc import Mapping
from typing import Any

from tasks.invertibility.invertible_training import CE, CONTROL, ICE
from tasks.results.formatting import number, percent
from tasks.results.unfit import UNFIT

NAMES = {CE: "cross-entropy", CONTROL: "cross-entropy and likelihood", ICE: "independence cross-entropy"}
SHORT = {CE: "CE", CONTROL: "CE + L", ICE: "iCE"}
PUBLISHED = (
    ("test", "0.39", "0.38", "0.34", "27.70"),
    ("train", "0.00", "0.37", "0.00", "40.21"),
)
"""MNIST, error in percent (Jacobsen et al., arXiv 1811.00401): split; logits of CE and iCE; nuisance of CE and iCE."""


def measured(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The losses that have numbers."""
    return {name: told for name, told in summary.get("losses", {}).items() if UNFIT not in told}


def heads(summary: Mapping[str, Any]) -> tuple[str, ...]:
    attacks = next((told["attacks"] for told in measured(summary).values()), ())
    return ("loss", "test error", "nuisance error", "vulnerable", *attacks)


def rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Cells as in `heads`, in percent: what is left under attack, and what changes unseen, side by side."""
    blank = ("",) * (len(heads(summary)) - 2)
    return [
        (NAMES[name], UNFIT, *blank)
        if UNFIT in told
        else (
            NAMES[name],
            percent(told["test_error"]),
            percent(told["nuisance_error"]),
            percent(told["metamers"]["vulnerable_share"]),
            *(percent(attack["robust_accuracy"]) for attack in told["attacks"].values()),
        )
        for name, told in summary["losses"].items()
    ]


READERS = ("loss", "reader", "train", "validation", "test")


def readers(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Errors of the logits and of every reader of the nuisance, in percent."""
    found: list[tuple[str, ...]] = []
    for name, told in measured(summary).items():
        own = (told[f"{split}_error"] for split in ("train", "validation", "test"))
        found.append((NAMES[name], "its logits", *map(percent, own)))
        for reader, errors in told["readers"].items():
            found.append((NAMES[name], _reader(reader), *(percent(errors[split]) for split in READERS[2:])))
    return found


def _reader(name: str) -> str:
    kind, _, k = name.partition("_")
    if kind == "nearest":
        return f"{k} nearest neighbour{'s' if k != '1' else ''}"
    return {"linear": "linear", "mlp": "multi-layer perceptron"}[name]


MARKS = ("mark of the class", "loss", "mark tells the class", "mark lies")


def marks(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    losses = measured(summary)
    return [
        (kind, NAMES[name], *_errors(told["shift"][kind]))
        for kind in next(iter(losses.values()))["shift"]
        for name, told in losses.items()
    ]


def _errors(shift: Mapping[str, Any]) -> tuple[str, str]:
    return (UNFIT, "") if UNFIT in shift else (percent(shift["test_error"]), percent(shift["shifted_error"]))


METAMERS = (
    *("loss", "pairs", "sound", "vulnerable", "seen as a", "seen as b", "b seen as b"),
    *("SSIM to a", "SSIM to b", "out of range"),
)


def metamers(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    found = []
    for name, told in measured(summary).items():
        made = told["metamers"]
        keys = ("sound_share", "vulnerable_share", "seen_a_share", "seen_b_share", "witness_right_share")
        shares = (percent(made[key]) for key in keys)
        alike = (f"{made[key]:.2f}" for key in ("mean_ssim_to_a", "mean_ssim_to_b"))
        found.append((NAMES[name], str(made["n"]), *shares, *alike, percent(made["out_of_range_share"])))
    return found


NUMERICS = ("loss", "inverse error, float32", "float64", "metamers' logit error", "inverse / forward time")


def numerics(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            NAMES[name],
            *(number(told["inverse_error"][key]) for key in ("float32", "float64")),
            number(told["metamers"]["logit_error"]),
            f"{told['inverse_over_forward']:.2f}",
        )
        for name, told in measured(summary).items()
    ]
