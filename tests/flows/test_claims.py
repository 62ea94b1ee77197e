"""Claims are read from stored summaries, judged by their bounds, and quoted by README and docs as they stand."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.nights import claims as claims
from flows.report.claims import claim_rows
from flows.report.page import build

CHECKOUT = Path(__file__).parents[2]
STORED = ("digits", "robustness", "transplant", "invertibility", "image_protection")


@pytest.fixture(scope="module")
def night() -> dict[str, Any]:
    """Summaries of the preset `digits`, by study."""
    found = [json.loads((CHECKOUT / "docs" / "results" / name / "summary.json").read_text()) for name in STORED]
    return {summary["study"]: summary for summary in found}


def test_every_claim_is_read_from_a_summary(night) -> None:
    found = {each.claim.name: each.value for each in claims.results(night)}
    assert set(found) == set(claims.BY_NAME)
    # the stored transplant is older than stitching
    assert [name for name, value in found.items() if value is None] == ["badnets_stitched_kept"]
    assert found["generated_mean"] == night["parameter_diffusion"]["differences"]["latent_ddpm"]["difference"]
    kept = night["transplant"]["transplants"]["badnets"]["generated"]["aligned"]["kept"]
    assert found["badnets_aligned_kept"] == kept
    losses = night["invertibility"]["losses"]
    assert found["nuisance_error_raised"] == losses["ice"]["nuisance_error"] - losses["ce"]["nuisance_error"]
    assert found["masking_flagged_on_distilled"] == 1.0


def test_a_protection_is_judged_by_its_worst_budget(night) -> None:
    methods = night["image_protection"]["methods"]
    ratios = {name: methods[name]["control"]["effect_ratio"] for name in methods if methods[name]["control"]}
    worst = min(ratios["runtime_pgd@0.01569"], ratios["runtime_pgd"], ratios["runtime_pgd@0.03137"])
    assert claims.BY_NAME["runtime_pgd_effect"].read(night["image_protection"]) == worst
    assert ratios["runtime_pgd@0.06275"] < worst  # beyond 8/255: not claimed
    assert ratios["runtime_pgd_robust@0.06275"] not in claims.effect_ratios(night["image_protection"], "runtime_pgd")


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_holds_up_to_its_bound(claim) -> None:
    beyond = 1e-6 if claim.direction == "at least" else -1e-6
    assert claim.holds(claim.bound)
    assert claim.holds(claim.bound + beyond)
    assert not claim.holds(claim.bound - beyond)
    assert not claim.holds(None)


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.name)
def test_a_missing_number_is_not_measured(claim, night) -> None:
    assert claim.read({}) is None
    assert claim.read({"state": "failed", "error": "the disk is full"}) is None
    assert claim.write(None) == "not measured"


def test_an_unfit_generator_measures_nothing(night) -> None:
    summary = copy.deepcopy(night["parameter_diffusion"])
    del summary["differences"]["latent_ddpm"]
    summary["generated"]["latent_ddpm"] = {"verdict": "unfit", "unfit": {}, "unfit_seeds": [0]}
    assert claims.BY_NAME["generated_mean"].read(summary) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.9", None, [0.9]])
def test_what_is_not_a_finite_number_is_not_measured(value) -> None:
    assert claims.at("a", "b")({"a": {"b": value}}) is None


def test_a_sentence_states_the_bound() -> None:
    sentence = claims.quoted("badnets_aligned_kept")
    assert "at least 85 % of" in sentence
    assert "at most 0.3 points below" in claims.quoted("generated_mean")
    assert claims.BY_NAME["generated_mean"].written_bound == "at least −0.3 points"
    assert claims.BY_NAME["masking_flagged_on_distilled"].written_bound == "yes"


def test_names_are_unique_and_units_known() -> None:
    assert len(claims.BY_NAME) == len(claims.CLAIMS)
    for claim in claims.CLAIMS:
        assert re.fullmatch(r"[a-z0-9_]+", claim.name)
        assert claim.unit in claims.UNITS
        assert claim.source


BLOCK = re.compile(r"<!-- claims -->\n(.*?)\n<!-- /claims -->", re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/nights.md"])
def test_pages_quote_the_table(page: str) -> None:
    """To write the blocks again: `python -m flows.nights.claims`, which prints them."""
    blocks = BLOCK.findall((CHECKOUT / page).read_text(encoding="utf-8"))
    assert blocks == [claims.markdown()]


def test_the_nights_page_shows_each_claim_with_its_value(night, tmp_path: Path) -> None:
    """One study is failed, one has left nothing: their claims are there, as not measured."""
    folder = tmp_path / "night"
    told = {"parameter_diffusion": night["parameter_diffusion"]}
    broken = night["robustness"] | {"state": "failed", "error": "the disk is full", "verdict": "The run failed."}
    told["robustness"] = {key: value for key, value in broken.items() if key not in ("models", "tutorial")}
    for name, summary in told.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "summary.json").write_text(json.dumps(summary))
    states = {name: {"path": name, "seconds": 1.0, "state": "completed"} for name in ("parameter_diffusion",)}
    states |= {name: {"path": name, "seconds": 1.0, "state": "failed"} for name in ("robustness", "transplant")}
    (folder / "summary.json").write_text(
        json.dumps(night["parameter_diffusion"] | {"study": "nightly", "studies": states})
    )
    page = build(folder).read_text()
    text = re.sub(r"<[^>]+>", "", page.partition("<h3>Claims</h3>")[2].partition("</section>")[0])
    assert re.search(r"0\.6818 points\s+at least −0\.3 points\s+holds", text)
    assert len(re.findall("not measured\n", text)) == 5 * 2  # value and result, of two failed studies
    assert "claims are not made for it" not in text


def test_a_failed_study_has_no_values(night) -> None:
    failed = claim_rows({"transplant": night["transplant"] | {"state": "failed"}})
    assert [row["value"] for row in failed] == ["not measured"] * 2
    assert [row["holds"] for row in failed] == [False] * 2
    (_, whole) = claim_rows({"transplant": night["transplant"]})
    assert (whole["value"], whole["holds"], whole["measured"]) == ("96.82 %", True, True)


def test_claims_of_a_summary(night) -> None:
    found = claims.as_summary({"image_protection": night["image_protection"]})
    assert found["backdoor_without_trigger"]["holds"] is True
    assert found["backdoor_without_trigger"]["bound"] == 0.75
    assert set(found["backdoor_without_trigger"]) == {"value", "bound", "holds", "source"}
    assert claims.as_summary({"ablations": {}}) == {}
