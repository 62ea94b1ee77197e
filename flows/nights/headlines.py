"""The numbers that are compared between nights, as functions of the summaries of one night's studies."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flows.nights.claims import GENERATORS, Read, Summary, at, effect_ratios, generated_difference

Night = Mapping[str, Summary]
"""Summaries by study; a study that failed has an empty one."""
Values = dict[str, float]
"""By series, such as `originals` and `generated`; what was not measured is missing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A few series of numbers that belong in one figure.

    less: the series of which a low value is the good one; `every` stands for all. claims: by series, the claim whose
    bound is drawn beside it. unit: as in `flows.nights.claims.UNITS`, or `seconds`.
    """

    name: str
    title: str
    unit: str
    read: Callable[[Night], Values]
    less: frozenset[str] = frozenset()
    claims: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def low_is_good(self, series: str) -> bool:
        return series in self.less or "every" in self.less


def picked(study: str, **series: Read) -> Callable[[Night], Values]:
    """Series of one study; underscores in their names become spaces."""

    def read(night: Night) -> Values:
        found = {name.replace("_", " "): value(night.get(study, {})) for name, value in series.items()}
        return {name: value for name, value in found.items() if value is not None}

    return read


def generated_mean(summary: Summary) -> float | None:
    values = (at("generated", name, "mean")(summary) for name in GENERATORS)
    return next((value for value in values if value is not None), None)


def margins(gates: Mapping[str, Mapping[str, Any]]) -> Values:
    """Distance of each gate's value from its limit, as a share of the limit; negative where the gate failed.

    A value that was not finite has no margin.
    """
    return {name: margin(gate) for name, gate in gates.items() if gate["value"] is not None}


def margin(gate: Mapping[str, Any]) -> float:
    distance = abs(gate["value"] - gate["limit"]) / (abs(gate["limit"]) or 1.0)
    return distance if gate["passed"] else -distance


def gate_margins(night: Night) -> Values:
    return margins(night.get("parameter_diffusion", {}).get("gates", {}))


def success(night: Night) -> Values:
    """Of three attacks on the network as trained, and on the distilled one."""
    models = night.get("robustness", {}).get("models", {})
    attacks = {"FGSM": "fgsm_linf", "PGD": "pgd_linf", "C&W L2": "cw_l2"}
    found = {
        f"{label} on {model}": at(model, "attacks", attack, "success")(models)
        for model in ("undefended", "distilled")
        for label, attack in attacks.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def transplanted(key: str) -> Callable[[Night], Values]:
    """Of generated parameters, in every recipient and kind of transplant."""

    def read(night: Night) -> Values:
        recipients = night.get("transplant", {}).get("transplants", {})
        found = {
            f"{recipient}, {label}": at(recipient, "generated", kind, key)(recipients)
            for recipient in ("independent", "badnets")
            for kind, label in (("as_is", "as is"), ("aligned", "aligned"), ("stitched", "stitched"))
        }
        return {name: value for name, value in found.items() if value is not None}

    return read


def protection(night: Night) -> Values:
    summary = night.get("image_protection", {})
    return {
        f"{label}, ε = {epsilon:.3g}": ratio
        for method, label in (("runtime_pgd", "sign steps"), ("runtime_faithful", "published optimiser"))
        for epsilon, ratio in effect_ratios(summary, method).items()
    }


def seconds(night: Night) -> Values:
    """Of the studies that were not interrupted: a resumed one has only the time since then."""
    found = {
        study.replace("_", " "): at("seconds")(summary)
        for study, summary in night.items()
        if not summary.get("resumed")
    }
    return {name: value for name, value in found.items() if value is not None}


LOSSES: Mapping[str, str] = {"cross-entropy": "ce", "independence cross-entropy": "ice"}


def of_losses(key: str) -> Callable[[Night], Values]:
    def read(night: Night) -> Values:
        found = {label: at("losses", loss, key)(night.get("invertibility", {})) for label, loss in LOSSES.items()}
        return {name: value for name, value in found.items() if value is not None}

    return read


EVERY = frozenset({"every"})

HEADLINES: tuple[Headline, ...] = (
    Headline(
        name="accuracy",
        title="Test accuracy of classifiers",
        unit="percent",
        read=picked(
            "parameter_diffusion",
            originals=at("original", "mean"),
            generated=generated_mean,
            mean_of_snapshots=at("generated", "mean", "mean"),
        ),
    ),
    Headline(
        name="accuracy_difference",
        title="Test accuracy minus that of the originals",
        unit="points",
        read=picked(
            "parameter_diffusion",
            generated=generated_difference,
            mean_of_snapshots=at("differences", "mean", "difference"),
        ),
        claims={"generated": "generated_mean"},
    ),
    Headline(
        name="gate_margins",
        title="Margins of the gates, as a share of the limit",
        unit="percent",
        read=gate_margins,
    ),
    Headline(
        name="attack_success",
        title="Success of attacks",
        unit="percent",
        read=success,
        less=EVERY,
        claims={
            "C&W L2 on distilled": "cw_l2_breaks_distilled",
            "FGSM on distilled": "fgsm_masked_on_distilled",
        },
    ),
    Headline(
        name="transplant_kept",
        title="Share of the recipient's accuracy that a transplant keeps",
        unit="percent",
        read=transplanted("kept"),
        claims={"badnets, aligned": "badnets_aligned_kept", "badnets, stitched": "badnets_stitched_kept"},
    ),
    Headline(
        name="transplant_asr",
        title="Success of the backdoor after a transplant",
        unit="percent",
        read=transplanted("asr_mean"),
        less=EVERY,
    ),
    Headline(
        name="nuisance_error",
        title="Error of the best reader of the nuisance",
        unit="percent",
        read=of_losses("nuisance_error"),
    ),
    Headline(
        name="invertible_test_error",
        title="Test error of invertible networks",
        unit="percent",
        read=of_losses("test_error"),
        less=EVERY,
    ),
    Headline(
        name="protection_effect",
        title="Effect of run-time protection, in multiples of random noise",
        unit="times",
        read=protection,
        claims={},
    ),
    Headline(
        name="backdoor_ssim",
        title="SSIM of fills by the inpainter with a backdoor",
        unit="number",
        read=picked(
            "image_protection",
            with_trigger=at("backdoor", "ssim_edit"),
            without_trigger=at("backdoor", "ssim_kept"),
        ),
        less=frozenset({"with trigger"}),
        claims={"with trigger": "backdoor_with_trigger", "without trigger": "backdoor_without_trigger"},
    ),
    Headline(
        name="study_seconds",
        title="Time per study",
        unit="seconds",
        read=seconds,
        less=EVERY,
    ),
)


def spread(values: Sequence[float], *, low_is_good: bool) -> dict[str, float]:
    """`{n, mean, std, worst, best}` over nights; a single value has no spread."""
    ends = (max(values), min(values)) if low_is_good else (min(values), max(values))
    return {
        "n": len(values),
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "worst": ends[0],
        "best": ends[1],
    }


def over_nights(nights: Sequence[Night]) -> dict[str, dict[str, dict[str, Any]]]:
    """By headline and series: its spread, and `values`, one per night, null where it was not measured."""
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for headline in HEADLINES:
        read = [headline.read(night) for night in nights]
        for series in dict.fromkeys(name for values in read for name in values):
            measured = [values[series] for values in read if series in values]
            numbers = spread(measured, low_is_good=headline.low_is_good(series))
            told.setdefault(headline.name, {})[series] = {
                **numbers,
                "values": [values.get(series) for values in read],
            }
    return told
