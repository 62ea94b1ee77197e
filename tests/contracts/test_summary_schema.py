import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
COMMON = ("study", "preset", "run_id", "seed", "started", "seconds", "stages", "environment", "config_hash")
PARAMETER_DIFFUSION = ("original", "generated", "gates", "storage", "verdict", "differences", "selection", "data")


def problems(summary):
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(summary)]


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_a_completed_run_is_valid(run_files):
    assert problems(run_files["summary"]) == []
    assert problems({**run_files["summary"], "a_key_of_tomorrow": 1}) == []


@pytest.mark.parametrize("key", [*COMMON, *PARAMETER_DIFFUSION, "state", "error"])
def test_every_key_is_required(run_files, key):
    del run_files["summary"][key]
    assert problems(run_files["summary"])


def test_a_failed_run_keeps_what_it_has_and_says_why(run_files):
    failed = {key: value for key, value in run_files["summary"].items() if key not in PARAMETER_DIFFUSION}
    assert problems({**failed, "state": "failed", "error": "gate latent_scale: 97.3"}) == []
    assert problems({**failed, "state": "failed", "error": None})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("study",), "parameter-diffusion"),
        (("seed",), 0.5),
        (("started",), "12 May 2026"),
        (("seconds",), -1),
        (("original", "mean"), 92.67),
        (("original", "ci95"), [0.9]),
        (("generated", "Latent DDPM"), {}),
        (("gates", "reconstruction", "passed"), "yes"),
        (("storage", "rows"), 1.5),
        (("environment", "commit"), 7),
        (("layout", "buffers"), "drifting"),
        (("audit",), {"latent_ddpm": {"verdict": "pass"}}),
    ],
)
def test_wrong_values_are_found(run_files, path, value):
    part = run_files["summary"]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert problems(run_files["summary"])


def test_a_nightly_lists_its_studies(run_files):
    common = {key: run_files["summary"][key] for key in COMMON} | {"study": "nightly"}
    study = {"path": "parameter_diffusion", "seconds": 3.5, "state": "completed"}
    assert problems({**common, "studies": {"parameter_diffusion": study}}) == []
    assert problems(common)
    assert problems({**common, "studies": {"parameter_diffusion": {**study, "state": "running"}}})
    assert problems({**common, "studies": {"parameter_diffusion": {**study, "path": "/elsewhere"}}})


@pytest.mark.parametrize(
    "study", ["ablations", "robustness", "transplant", "strategies", "invertibility", "image_protection"]
)
def test_every_study_has_keys_of_its_own(run_files, study):
    common = {key: run_files["summary"][key] for key in COMMON}
    assert problems({**common, "study": study, "state": "completed"})
    assert problems({**common, "study": study, "state": "failed"}) == []
