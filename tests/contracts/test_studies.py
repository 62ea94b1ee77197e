"""What every study has, so that a new one forgets nothing."""

import json
from pathlib import Path

import pytest
import yaml

from flows.report.chapter import chapter_of
from flows.studies import STUDIES

CHECKOUT = Path(__file__).parents[2]
SCHEMA = json.loads((CHECKOUT / "docs" / "summary.schema.json").read_text())
DEPLOYMENTS = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_complete(name: str) -> None:
    spec, chapter = STUDIES[name], chapter_of(name)
    assert spec.name == name
    assert "smoke" in spec.preset_functions()
    for preset, function in spec.preset_functions().items():
        configuration = function()
        assert isinstance(configuration, spec.configuration)
        assert (configuration.study, configuration.preset) == (name, preset)
    for part in ("plots", "content", "table", "children"):
        assert callable(getattr(chapter, part))
    assert chapter.table({}) is None  # as of a run that failed before it had numbers
    assert list(chapter.children({})) == []
    assert (CHECKOUT / "flows" / "report" / "templates" / f"{name}.html.jinja").is_file()
    assert name in SCHEMA["properties"]["study"]["enum"]


def test_prefect_deploys_every_study() -> None:
    deployed = {each["name"]: each for each in DEPLOYMENTS}
    for name, spec in STUDIES.items():
        entry = deployed[name.replace("_", "-")]
        assert entry["entrypoint"] == f"flows/deployments.py:{name}"
        assert entry["description"] == spec.description
    assert list(deployed) == [*(name.replace("_", "-") for name in STUDIES), "collect", "nightly"]
