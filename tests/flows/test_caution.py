"""Presets whose numbers mean nothing say so wherever their numbers are shown."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from flows.caution import MEANINGLESS, caution
from flows.report.page import build
from flows.report.table import markdown, render
from flows.studies import STUDIES

PRESETS = [(study, preset) for study, kind in STUDIES.items() for preset in kind.preset_functions()]


@pytest.mark.parametrize(("study", "preset"), PRESETS)
def test_a_docstring_and_the_caution_agree(study: str, preset: str) -> None:
    text = " ".join((STUDIES[study].preset_functions()[preset].__doc__ or "").split())
    says_so = "mean nothing" in text or "means nothing" in text
    assert says_so == (preset in MEANINGLESS)
    assert (caution(preset) is not None) == says_so


def left(folder: Path, files: dict) -> Path:
    """A run's folder."""
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def shown(summary: dict) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render(summary))
    return console.file.getvalue()


def test_it_stands_on_the_page_in_the_terminal_and_in_markdown(run_files, tmp_path) -> None:
    text = caution("smoke")
    page = build(left(tmp_path / "without", run_files)).read_text()
    assert 'class="caution"' not in page
    assert text not in shown(run_files["summary"]) + markdown(run_files["summary"])
    run_files["summary"]["caution"] = text
    assert text in build(left(tmp_path / "with", run_files)).read_text()
    assert text in " ".join(shown(run_files["summary"]).split())
    assert markdown(run_files["summary"]).startswith(f"> {text}")
