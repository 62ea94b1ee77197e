"""What a night's fixed network gives does not depend on the rotating seed: whole studies, in one process."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from flows.nightly import tonight
from flows.studies import resolve
from flows.studies.parameter_diffusion import ParameterDiffusion, generate_and_compare
from flows.studies.transplant import transplant_and_compare
from storage import datasets
from tasks.runtime.run import Run
from tests.contexts import inline
from tests.flows.conftest import SMALL
from tests.flows.test_transplant import study as small_transplant

ROTATING = (20260101, 20260102)


def ran(body: Any, study: Any, home: Path) -> dict[str, Any]:
    splits = datasets.load(study.data, home=home)
    run = Run(home=str(home), run_id="plain", preset="custom", seed=study.seed, salt=home.name)
    run = run.bound(splits.digest, study.context_config)
    return body(study, inline(study.context_config, splits, run))[0]


def test_generated_models(tmp_path: Path) -> None:
    """Fit, samples, noise, baselines and the audit of the fixed network."""
    small = [f"{name}={value}" for name, value in SMALL.items()]
    told = []
    for rotating in ROTATING:
        study = tonight("smoke", {"parameter_diffusion": small}, rotating)["parameter_diffusion"]
        assert isinstance(study, ParameterDiffusion)
        told.append(ran(generate_and_compare, study, tmp_path / str(rotating)))  # nothing is shared
    assert told[0]["per_seed"]["0"] == told[1]["per_seed"]["0"]
    assert told[0]["held_out"]["0"] == told[1]["held_out"]["0"]
    facts = [each["held_out"][str(rotating)] for each, rotating in zip(told, ROTATING, strict=True)]
    assert facts[0] != facts[1]


def test_transplants(tmp_path: Path) -> None:
    """Of the fixed donor, into recipients of its own."""
    told = []
    for rotating in ROTATING:
        study = small_transplant().tonight(rotating)
        assert study.seeds == (rotating, 0)
        told.append(ran(transplant_and_compare, study, tmp_path / str(rotating))["transplants"])
    for recipient in ("source", "independent", "badnets"):
        fixed, new = (
            [each[recipient]["generated"]["aligned"]["per_donor"][place] for each in told] for place in (1, 0)
        )
        assert fixed[0] == fixed[1]
        assert new[0] != new[1]


@pytest.mark.parametrize("name", ["robustness", "transplant", "parameter_diffusion"])
def test_seed_is_the_presets_in_studies_of_two_networks(name: str) -> None:
    first, second = (tonight("digits", {}, rotating)[name] for rotating in ROTATING)
    assert first.seed == second.seed == resolve(name, "digits").seed
    assert dataclasses.replace(first, seeds=second.seeds) == second  # type: ignore[type-var]
