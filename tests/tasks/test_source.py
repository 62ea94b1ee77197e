"""Which sources are part of every key: all that a worker runs."""

import ast
from pathlib import Path

import pytest

from tasks.runtime.source_digest import (
    CONFIGURING,
    FOLDERS,
    PRESENTING,
    ROOT,
    SUMMARISING,
    deciding,
    source_digest,
    summary_digest,
)

INSIDE = {path.relative_to(ROOT) for path in deciding(ROOT)}
NIGHTS = Path("flows/nights/runner.py")
"""Its jobs are whole nights, whose product is a record beside summaries and reports."""
CONFIGURED = {path.relative_to(ROOT) for path in ROOT.glob("flows/presets/*.py")}


def imported(path: Path) -> set[Path]:
    """The project's modules that a module names in its imports, wherever in the file."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.partition(".")[0] in FOLDERS:
                place = Path(*name.split("."))
                candidates = (place.with_suffix(".py"), place / "__init__.py")
                found |= {candidate for candidate in candidates if (ROOT / candidate).is_file()}
    return found


def closure(path: Path) -> set[Path]:
    seen, waiting = set(), [path]
    while waiting:
        if (current := waiting.pop()) not in seen:
            seen.add(current)
            waiting += imported(current)
    return seen


def workers() -> dict[Path, set[str]]:
    """Modules that make jobs, with the functions that are their work."""
    found: dict[Path, set[str]] = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
                if called in ("map_jobs", "new_job"):
                    work = node.args[2]
                elif called == "Job" and path.name != "jobs.py":
                    (work,) = (each.value for each in node.keywords if each.arg == "work")
                else:
                    continue
                assert isinstance(work, ast.Name), f"{path}: the work of a job is a function's own name"
                found.setdefault(path.relative_to(ROOT), set()).add(work.id)
    return found


def test_the_jobs_are_found() -> None:
    found = workers()
    assert found[Path("flows/studies/ablations.py")] == {"collect_alone", "run_cell"}
    assert found[Path("flows/studies/strategies.py")] == {"compare_one"}
    assert found[Path("tasks/classifiers/train.py")] == {"train_one"}
    assert len(found) > 25


@pytest.mark.parametrize("path", sorted(workers().keys() - {NIGHTS}), ids=str)
def test_all_that_a_worker_imports_is_part_of_the_key(path: Path) -> None:
    """But presets, whose values are in the keys. A function that a job names is imported, or defined in its module."""
    outside = closure(path) - INSIDE - CONFIGURED
    assert not outside, (
        f"take these off the list in tasks/runtime/source_digest.py, or out of what {path} imports: {sorted(outside)}"
    )


@pytest.mark.parametrize("pattern", [*PRESENTING, *SUMMARISING, *CONFIGURING])
def test_the_list_names_what_there_is(pattern: str) -> None:
    assert list(ROOT.glob(pattern + "/*.py" if pattern.endswith("**") else pattern))


def test_every_other_source_counts(tmp_path: Path) -> None:
    counted = (
        "methods/a.py",
        "models/deep/b.py",
        "tasks/c.py",
        "flows/studies/ablations.py",
        "storage/datasets/d.py",
        "tasks/new.py",
    )
    not_counted = (
        "flows/report/page.py",
        "flows/report/deep/table.py",
        "flows/presets/smoke.py",
        "flows/cli/main.py",
        "flows/cli/run.py",
        "storage/tracking/values.py",
        "tasks/results/formatting.py",
        "tasks/page.css",
        "tests/a.py",
    )
    for file in (*counted, *not_counted):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    before = source_digest.__wrapped__(tmp_path)
    for file in not_counted:
        (tmp_path / file).write_text("2")
        assert source_digest.__wrapped__(tmp_path) == before, file
    for file in counted:
        (tmp_path / file).write_text("2")
        after = source_digest.__wrapped__(tmp_path)
        assert after != before, file
        before = after
    (tmp_path / "tasks" / "c.py").rename(tmp_path / "tasks" / "e.py")
    assert source_digest.__wrapped__(tmp_path) != before


def test_a_stored_summary_also_depends_on_what_summarises(tmp_path: Path) -> None:
    for file in ("tasks/a.py", "tasks/robustness/summarise_attacks.py", "flows/nights/claims.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    found = [summary_digest.__wrapped__(tmp_path)]
    for file, counts in (
        ("tasks/a.py", True),
        ("tasks/robustness/summarise_attacks.py", True),
        ("flows/nights/claims.py", False),
    ):
        (tmp_path / file).write_text("2")
        found.append(summary_digest.__wrapped__(tmp_path))
        assert (found[-1] != found[-2]) is counts, file
