"""The claims about a night of the preset `digits`, in one place: reports, README and docs quote them from here.

A claim that does not hold on 18 of 20 unseen dates (`weightsmith nights`) is not made: change its bound, or remove it.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

Summary = Mapping[str, Any]
Read = Callable[[Summary], float | None]
"""A number of a summary; None where it was not measured."""

STATED_FOR = "digits"
GENERATORS = ("latent_ddpm", "gram_pca", "token_diffusion")
UNITS: Mapping[str, Callable[[float], str]] = {
    "points": lambda value: f"{100 * value:.4g} points",
    "percent": lambda value: f"{100 * value:.4g} %",
    "times": lambda value: f"{value:.4g} times",
    "number": lambda value: f"{value:.4g}",
    "flag": lambda value: "yes" if value else "no",
}
EIGHT_LEVELS = 8 / 255


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement about one study, checked on every night.

    statement: `{bound}` stands for the bound without its sign. read: the value in the study's summary, the worst one
    where there are several. unit: how value and bound are written, a name in `UNITS`. source: where the bound is from.
    """

    name: str
    statement: str
    study: str
    read: Read
    bound: float
    direction: Literal["at least", "at most"]
    unit: str
    source: str

    def holds(self, value: float | None) -> bool:
        """Whether the bound is kept; a value that was not measured keeps no bound."""
        if value is None:
            return False
        return value >= self.bound if self.direction == "at least" else value <= self.bound

    @property
    def sentence(self) -> str:
        return self.statement.format(bound=UNITS[self.unit](abs(self.bound)))

    @property
    def written_bound(self) -> str:
        """`at least 95 %`; a flag has no other bound than `yes`."""
        return UNITS[self.unit](self.bound) if self.unit == "flag" else f"{self.direction} {self.write(self.bound)}"

    def write(self, value: float | None) -> str:
        return "not measured" if value is None else UNITS[self.unit](value).replace("-", "−")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A claim and its value in one night."""

    claim: Claim
    value: float | None

    @property
    def holds(self) -> bool:
        return self.claim.holds(self.value)


def at(*path: str) -> Read:
    """The number at a path of keys; None where a key is missing or the value is not a finite number."""

    def read(summary: Summary) -> float | None:
        value: Any = summary
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    return read


def minus(first: Read, second: Read) -> Read:
    def read(summary: Summary) -> float | None:
        left, right = first(summary), second(summary)
        return None if left is None or right is None else left - right

    return read


def generated_difference(summary: Summary) -> float | None:
    """Mean accuracy of the models of the study's generator, minus that of the originals."""
    values = (at("differences", name, "difference")(summary) for name in GENERATORS)
    return next((value for value in values if value is not None), None)


def effect_ratios(summary: Summary, method: str, largest: float = math.inf) -> dict[float, float]:
    """By ε, up to the largest: effect of a protection, in multiples of that of random noise of the same size."""
    found: dict[float, float] = {}
    for name, numbers in summary.get("methods", {}).items():
        ratio, epsilon = at("control", "effect_ratio")(numbers), at("epsilon")(numbers)
        if name.partition("@")[0] == method and ratio is not None and epsilon is not None:
            found[epsilon] = ratio
    return {epsilon: found[epsilon] for epsilon in sorted(found) if epsilon <= largest + 1e-4}


def least_effect(method: str) -> Read:
    return lambda summary: min(effect_ratios(summary, method, EIGHT_LEVELS).values(), default=None)


FORMER = "bar of the first release"
TUNED = "tuning seeds; replaces a bar of the first release that did not hold"
DISTILLED = ("models", "distilled")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        name="generated_mean",
        statement="The mean accuracy of generated models is at most {bound} below that of their originals.",
        study="parameter_diffusion",
        read=generated_difference,
        bound=-0.003,
        direction="at least",
        unit="points",
        source=FORMER,
    ),
    Claim(
        name="cw_l2_breaks_distilled",
        statement="Carlini and Wagner's L2 attack succeeds on at least {bound} of the images on the distilled network.",
        study="robustness",
        read=at(*DISTILLED, "attacks", "cw_l2", "success"),
        bound=0.99,
        direction="at least",
        unit="percent",
        source=f"{FORMER}; arXiv 1608.04644",
    ),
    Claim(
        name="fgsm_masked_on_distilled",
        statement="FGSM succeeds on at most {bound} of the images on the distilled network.",
        study="robustness",
        read=at(*DISTILLED, "attacks", "fgsm_linf", "success"),
        bound=0.2,
        direction="at most",
        unit="percent",
        source=f"{FORMER}; arXiv 1511.04508",
    ),
    Claim(
        name="masking_flagged_on_distilled",
        statement="The diagnosis flags the distilled network as one that relies on gradient masking.",
        study="robustness",
        read=at(*DISTILLED, "masking", "masked"),
        bound=1.0,
        direction="at least",
        unit="flag",
        source=FORMER,
    ),
    Claim(
        name="badnets_stitched_kept",
        statement=(
            "Generated parameters, stitched (norms aligned, the head mapped linearly on unlabelled images), keep at "
            "least {bound} of the backdoored recipient's accuracy."
        ),
        study="transplant",
        read=at("transplants", "badnets", "generated", "stitched", "kept"),
        bound=0.95,
        direction="at least",
        unit="percent",
        source=FORMER,
    ),
    Claim(
        name="badnets_aligned_kept",
        statement="Generated parameters, only aligned, keep at least {bound} of the backdoored recipient's accuracy.",
        study="transplant",
        read=at("transplants", "badnets", "generated", "aligned", "kept"),
        bound=0.85,
        direction="at least",
        unit="percent",
        source=TUNED,
    ),
    Claim(
        name="nuisance_error_raised",
        statement="Independence cross-entropy raises the nuisance error by at least {bound}.",
        study="invertibility",
        read=minus(at("losses", "ice", "nuisance_error"), at("losses", "ce", "nuisance_error")),
        bound=0.15,
        direction="at least",
        unit="points",
        source=FORMER,
    ),
    Claim(
        name="nuisance_test_error_cost",
        statement="Independence cross-entropy raises the test error by at most {bound}.",
        study="invertibility",
        read=minus(at("losses", "ice", "test_error"), at("losses", "ce", "test_error")),
        bound=0.015,
        direction="at most",
        unit="points",
        source=FORMER,
    ),
    Claim(
        name="runtime_pgd_effect",
        statement="Protection by sign steps has at least {bound} the effect of random noise at every ε up to 8/255.",
        study="image_protection",
        read=least_effect("runtime_pgd"),
        bound=2.5,
        direction="at least",
        unit="times",
        source=TUNED,
    ),
    Claim(
        name="runtime_faithful_effect",
        statement=(
            "Protection by the published optimiser has at least {bound} the effect of random noise at every ε up to "
            "8/255."
        ),
        study="image_protection",
        read=least_effect("runtime_faithful"),
        bound=2.5,
        direction="at least",
        unit="times",
        source=TUNED,
    ),
    Claim(
        name="backdoor_with_trigger",
        statement="The training-time backdoor lowers the SSIM of fills with the trigger to at most {bound}.",
        study="image_protection",
        read=at("backdoor", "ssim_edit"),
        bound=0.5,
        direction="at most",
        unit="number",
        source=TUNED,
    ),
    Claim(
        name="backdoor_without_trigger",
        statement="The training-time backdoor keeps the SSIM of fills without the trigger at {bound} or more.",
        study="image_protection",
        read=at("backdoor", "ssim_kept"),
        bound=0.75,
        direction="at least",
        unit="number",
        source=TUNED,
    ),
)
BY_NAME: Mapping[str, Claim] = {claim.name: claim for claim in CLAIMS}


def quoted(name: str) -> str:
    """The sentence of a claim, with its bound."""
    return BY_NAME[name].sentence


def results(summaries: Mapping[str, Summary]) -> list[Result]:
    """Every claim about these studies, by name; a study without numbers has an empty summary."""
    return [
        Result(claim=claim, value=claim.read(summaries[claim.study])) for claim in CLAIMS if claim.study in summaries
    ]


def as_summary(summaries: Mapping[str, Summary]) -> dict[str, dict[str, Any]]:
    """`{NAME: {value, bound, holds, source}}`, as it stands in a summary."""
    return {
        each.claim.name: {
            "value": each.value,
            "bound": each.claim.bound,
            "holds": each.holds,
            "source": each.claim.source,
        }
        for each in results(summaries)
    }


def markdown() -> str:
    """The block between `<!-- claims -->` and `<!-- /claims -->` in README and docs."""
    lines = ["| study | claim, on a night of the preset `digits` |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{claim.study}` | {claim.sentence} |" for claim in CLAIMS)])


if __name__ == "__main__":
    print(markdown())
